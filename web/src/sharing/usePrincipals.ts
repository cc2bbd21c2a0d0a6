import { useCallback, useEffect, useRef, useState } from 'react';
import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import { searchLabels } from '../fields/useRelated.ts';
import { useModel } from '../model/store.ts';
import { announceFailure } from '../records/announce.tsx';
import type { PrincipalKind } from './sharing.ts';
import { t } from '../language/t.ts';
import { roleText } from '../language/standard.ts';

export interface Principal {
  kind: PrincipalKind;
  id: string;
  name: string;
}

interface Named {
  nodes: { id: string; name: string }[];
}

const GROUPS = gql<{ teams: Named; roles: Named }, Record<string, never>>(
  'query Principals { teams { nodes { id name } } roles { nodes { id name } } }',
);

const PAUSE_MS = 120;

/** Members, searched as one types, and where they are wanted the teams and roles that there are. */
export function usePrincipals(kinds: 'MEMBERS' | 'ALL') {
  const model = useModel();
  const object = model.objects.find((each) => each.nameSingular === 'workspaceMember');
  const [members, setMembers] = useState<Principal[]>([]);
  const [groups, setGroups] = useState<Principal[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const latest = useRef(0);

  useEffect(() => {
    if (kinds === 'MEMBERS') return;
    requestMetadata(GROUPS, {}).then(
      ({ teams, roles }) =>
        setGroups([
          ...teams.nodes.map(({ id, name }) => ({ kind: 'TEAM' as const, id, name })),
          ...roles.nodes.map(({ id, name }) => ({ kind: 'ROLE' as const, id, name: roleText(name) })),
        ]),
      (cause: unknown) => announceFailure(t('Teams and roles could not be read'), cause),
    );
  }, [kinds]);

  const find = useCallback(
    (words: string) => {
      if (!object) return;
      const mine = ++latest.current;
      clearTimeout(timer.current);
      timer.current = setTimeout(
        () =>
          searchLabels(model, object, words).then(
            (found) => {
              if (mine === latest.current)
                setMembers(found.map(({ id, label }) => ({ kind: 'MEMBER', id, name: label || t('Untitled') })));
            },
            (cause: unknown) => announceFailure(t('The members could not be read'), cause),
          ),
        words === '' ? 0 : PAUSE_MS,
      );
    },
    [model, object],
  );
  useEffect(() => {
    find('');
    return () => clearTimeout(timer.current);
  }, [find]);

  return { principals: [...members, ...groups], find };
}
