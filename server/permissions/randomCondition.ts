import { recordsOf } from './data.ts';
import type { Comparison, Condition, Path, World } from './data.ts';
import { objectPlan } from './objects.ts';
import type { ObjectPlan } from './objects.ts';
import type { Random } from './random.ts';

/** A rule of some depth over any of the fields that rules may compare. */
export function randomCondition(random: Random, object: ObjectPlan, world: World, depth = 2): Condition {
  if (depth > 0 && random.chance(0.6)) {
    if (random.chance(0.2)) return { op: 'not', part: randomCondition(random, object, world, depth - 1) };
    const parts = Array.from({ length: 2 + random.below(2) }, () => randomCondition(random, object, world, depth - 1));
    return { op: random.chance(0.65) ? 'or' : 'and', parts };
  }
  if (random.chance(0.03)) return { op: random.chance(0.5) ? 'always' : 'never' };
  return randomAtom(random, randomPath(random, object), world);
}

function randomPath(random: Random, object: ObjectPlan): Path {
  const relations: string[] = [];
  let at = object;
  for (;;) {
    if (random.chance(0.1) && relations.length === 0)
      return { relations, object: at.name, name: 'createdBy.memberId', column: 'created_by_member_id', kind: 'member' };
    const field = random.pick(at.fields.filter(({ kind }) => kind !== 'none'));
    if (field.kind === 'record' && relations.length < 2) {
      relations.push(field.name);
      at = objectPlan(field.target!);
    } else if (field.kind !== 'record') {
      return { relations, object: at.name, name: field.name, column: field.columns[0]!, kind: field.kind };
    }
  }
}

function randomAtom(random: Random, path: Path, world: World): Condition {
  const order = () => random.pick<Comparison>(['<', '<=', '>', '>=']);
  const equality = () => random.pick<Comparison>(['=', '!=']);
  if (random.chance(0.08)) return { op: path.kind === 'text' ? 'isEmpty' : 'isNull', path };
  switch (path.kind) {
    case 'boolean':
      return random.chance(0.5) ? { op: 'isTrue', path } : { op: equality(), path, to: { constant: true } };
    case 'member':
      if (random.chance(0.5)) return { op: random.pick(['myTeam', 'below'] as const), path };
      return { op: equality(), path, to: 'currentMember' };
    case 'date':
    case 'time':
      return {
        op: order(),
        path,
        to: random.chance(0.5) ? 'today' : { day: random.pick(['2011-11-11', '2015-01-01']) },
      };
    case 'money':
      return { op: random.chance(0.5) ? order() : equality(), path, to: { constant: random.below(12) } };
    default: {
      const values = valuesOf(path, world);
      if (random.chance(0.3)) return { op: 'in', path, values: random.sample(values, 3) };
      const op = path.kind === 'number' && random.chance(0.6) ? order() : equality();
      return { op, path, to: { constant: random.pick(values) } };
    }
  }
}

/** What stands in a column of some records, so that rules are true of some. */
function valuesOf({ object, column }: Path, world: World): (string | number)[] {
  const values = recordsOf(world, object).map(({ cells }) => cells[column]);
  return [...new Set(values.filter((value) => typeof value === 'string' || typeof value === 'number'))].filter(
    (value) => value !== '',
  );
}
