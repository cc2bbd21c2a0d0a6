import { Alert, Modal } from '@mantine/core';
import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import { run } from '../model/calls.ts';
import people from '../settings/people/people.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import type { NewShare, Share } from '../sharing/sharing.ts';
import sharing from '../sharing/sharing.module.css';
import { NewShareForm, Shares } from '../sharing/ShareParts.tsx';
import type { SavedView } from './savedViews.ts';
import { t } from '../language/t.ts';

const SHARES = gql<{ viewShares: { nodes: (Omit<Share, 'shareId'> & { id: string })[] } }, { view: string }>(
  `query ViewShares($view: UUID!) {
    viewShares(filter: { viewId: { equalTo: $view } }, orderBy: [CREATED_AT_ASC, ID_ASC]) {
      nodes { id principalKind principalId principalName access reason createdByName createdAt expiresAt } } }`,
);

const askShares = async (view: string): Promise<Share[]> =>
  (await requestMetadata(SHARES, { view })).viewShares.nodes
    .filter(({ expiresAt }) => expiresAt === null || new Date(expiresAt) > new Date())
    .map(({ id, ...share }) => ({ ...share, shareId: id }));

/** With whom a view is shared. It shows each of them what they may see. */
export function ShareViewDialog({ view, onClose }: { view: SavedView; onClose: () => void }) {
  const shares = useInquiry(view.id, () => askShares(view.id));
  const give = ({ principalKind, principalId, access, reason, expiresAt }: NewShare) =>
    run('shareView', { viewId: view.id, principalKind, principalId, access, reason, expiresAt });
  return (
    <Modal opened onClose={onClose} title={t('Share “{name}”', { name: view.name })} size={560}>
      <div className={sharing.dialog}>
        <p className={people.note}>
          {view.visibility === 'WORKSPACE'
            ? t('Everybody sees this view. Sharing it to be changed lets others save over it, too.')
            : t('A view shows each what their role lets them see. Sharing it opens no record and no field.')}
        </p>
        <NewShareForm share={give} onShared={shares.again} />
        {shares.failure ? (
          <Alert color="red" role="alert" title={shares.failure.message}>
            {shares.failure.hint}
          </Alert>
        ) : null}
        {shares.answer ? (
          <Shares
            list={shares.answer}
            give={give}
            end={(shareId) => run('unshareView', { shareId })}
            again={shares.again}
          />
        ) : null}
      </div>
    </Modal>
  );
}
