import type { Caller } from '../data.ts';
import { Model } from '../model.ts';
import type { Action, DataRecord, World } from '../data.ts';
import { objectPlan, OBJECTS } from '../objects.ts';
import { PASSWORD } from '../../testing/server.ts';
import type { GraphqlAnswer } from '../../testing/server.ts';
import { codeOf } from '../setting.ts';
import type { Door, Setting } from '../setting.ts';
import { graphqlList } from './graphqlList.ts';
import { search } from './search.ts';

/** An administrator who sees the workspace as some members and roles do: what is answered is what the other is answered. */
export const seeing: Door = {
  name: 'seeing as others',
  ask: async (setting) => {
    const { world, identityOf, asIdentity, checks } = setting;
    const viewer = world.callers[0]!;
    const session = await signIn(setting);
    const members = world.callers.slice(1, 4).filter(({ member }) => member !== null);
    const roles = world.roles.slice(1, 3).map((role) => ({ name: role.name, role, member: viewer.member }));
    for (const { target, body } of [
      ...members.map((caller) => ({ target: caller, body: { memberId: caller.member!.id } })),
      ...roles.map((caller) => ({ target: caller, body: { roleId: caller.role.id } })),
    ]) {
      const named = { ...target, name: `${viewer.name} as ${target.name}` };
      const begun = await session.post('/auth/see-as', body);
      checks.same(200, begun.status, () => `${named.name} begins`);
      const seen: Setting = {
        ...setting,
        world: { ...world, callers: [named] },
        model: new SeeingModel(world, viewer),
        graphql: (_caller, query, variables) => session.graphql(query, variables),
        as: (_caller, work) => asIdentity({ ...identityOf(named), seenBy: viewer.member!.id, source: 'MANUAL' }, work),
      };
      await graphqlList.ask(seen);
      await search.ask(seen);
      for (const { label } of OBJECTS) {
        const answer = await session.graphql(
          `mutation { create${label}(input: { ${label.toLowerCase()}: {} }) { clientMutationId } }`,
        );
        checks.same('READ_ONLY', codeOf(answer), () => `${named.name} makes a ${label}`);
      }
    }
    await session.post('/auth/see-as/end', {});
    await graphqlList.ask({
      ...setting,
      world: { ...world, callers: [viewer] },
      graphql: (_caller, query, variables) => session.graphql(query, variables),
    });
  },
};

/** Of private objects those records are shown that both may see. */
class SeeingModel extends Model {
  readonly #viewer: Caller;

  constructor(world: World, viewer: Caller) {
    super(world);
    this.#viewer = viewer;
  }

  override records(caller: Caller, action: Exclude<Action, 'CREATE'>, object: string): readonly DataRecord[] {
    const theirs = super.records(caller, action, object);
    if (objectPlan(object).isPrivate !== true) return theirs;
    const own = super.records(this.#viewer, 'READ', object);
    return theirs.filter((record) => own.includes(record));
  }
}

interface Session {
  post: (path: string, body: object) => Promise<Response>;
  graphql: (query: string, variables?: object) => Promise<GraphqlAnswer>;
}

async function signIn({ url }: Setting): Promise<Session> {
  const send = (path: string, body: object, headers: Record<string, string> = {}) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const begun = await send('/auth/sign-in', { email: 'owner@matrix.test', password: PASSWORD, tokens: true });
  const { tokens } = (await begun.json()) as { tokens: { accessToken: string } };
  const post = (path: string, body: object) => send(path, body, { authorization: `Bearer ${tokens.accessToken}` });
  return {
    post,
    graphql: async (query, variables) => (await (await post('/graphql', { query, variables })).json()) as GraphqlAnswer,
  };
}
