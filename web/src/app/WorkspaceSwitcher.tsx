import { Menu } from '@mantine/core';
import { Avatar } from '../fields/Avatar.tsx';
import { announceFailure } from '../records/announce.tsx';
import { fetchJson } from '../api/failure.ts';
import { beginAnew } from '../api/leaving.ts';
import { fetchTokens } from '../api/refresh.ts';
import { enter as proceed, forgetSession, useSession, type Identity, type Step } from '../session/session.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { t } from '../language/t.ts';

interface Workspace {
  id: string;
  slug: string;
  name: string;
  /** Where each has its own: one is signed in to it there, or signs in. */
  address?: string;
}

/** The other workspaces of the same person. The page begins anew in the one that is chosen: nothing of the other stays. */
export function WorkspaceSwitcher() {
  const current = useSession((state) => state.identity?.workspace.id);
  const { answer } = useInquiry('workspaces', () => fetchJson<Workspace[]>('/auth/workspaces'));
  const others = answer?.filter(({ id }) => id !== current) ?? [];
  const enter = async ({ slug, name, address }: Workspace) => {
    if (address !== undefined) return beginAnew(address);
    try {
      const step = await fetchJson<Identity | Step>('/auth/switch', { workspace: slug }, fetchTokens);
      if (!('next' in step)) return beginAnew('/');
      forgetSession();
      proceed(step);
    } catch (cause) {
      announceFailure(t('“{name}” was not entered', { name }), cause);
    }
  };
  if (others.length === 0) return null;
  return (
    <>
      <Menu.Label>{t('Switch to')}</Menu.Label>
      {others.map((workspace) => (
        <Menu.Item
          key={workspace.id}
          leftSection={<Avatar label={workspace.name} seed={workspace.id} size={18} />}
          onClick={() => void enter(workspace)}
        >
          {workspace.name}
        </Menu.Item>
      ))}
      <Menu.Divider />
    </>
  );
}
