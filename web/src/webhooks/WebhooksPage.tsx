import { Button, Group, Skeleton, Table } from '@mantine/core';
import { IconPlus, IconWebhook } from '@tabler/icons-react';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import { Forbidden, Message } from '../app/Message.tsx';
import { formatRelative } from '../model/dates.ts';
import { useMay } from '../model/store.ts';
import { SecurityFrame } from '../security/SecurityFrame.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import security from '../security/security.module.css';
import settings from '../settings/settings.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { StateBadge } from './StateBadge.tsx';
import { WebhookPage } from './WebhookPage.tsx';
import { askWebhooks, type Webhooks } from './webhooks.ts';
import classes from './webhooks.module.css';
import { t } from '../language/t.ts';

const NEW = 'new';
/** How webhooks fare is asked again this often, while somebody looks. */
const AGAIN_MS = 5_000;

/** Settings → Webhooks: all of them with how they fare, or one. */
export function WebhooksPage() {
  const mayKeep = useMay('API_KEYS_AND_WEBHOOKS');
  const { webhook: chosen } = useSearch({ strict: false });
  const navigate = useNavigate();
  const { answer, failure, again } = useInquiry(mayKeep ? 'webhooks' : null, askWebhooks);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') again();
    }, AGAIN_MS);
    return () => clearInterval(timer);
  }, [again]);
  const choose = (id: string | null) =>
    void navigate({ to: '/settings/webhooks', search: id === null ? {} : { webhook: id } });
  if (!mayKeep)
    return (
      <Forbidden title={t('Your role does not keep webhooks')}>
        {t('Webhooks are for roles with the permission “API keys and webhooks”.')}
      </Forbidden>
    );

  const webhook = answer?.webhooks.find(({ id }) => id === chosen);
  return (
    <SecurityFrame label={t('Webhooks')}>
      {failure && !answer ? (
        <ReadFailure what={t('Webhooks')} failure={failure} onRetry={again} />
      ) : !answer ? (
        <Skeleton height={200} />
      ) : chosen === NEW || webhook ? (
        <WebhookPage
          key={chosen}
          webhook={webhook ?? null}
          health={webhook ? answer.health.get(webhook.id) : undefined}
          roles={answer.roles}
          again={again}
          onDone={choose}
        />
      ) : chosen !== undefined ? (
        <Message
          title={t('There is no such webhook')}
          actions={<Button onClick={() => choose(null)}>{t('All webhooks')}</Button>}
        >
          {t('It may have been deleted meanwhile.')}
        </Message>
      ) : (
        <List answer={answer} onNew={() => choose(NEW)} />
      )}
    </SecurityFrame>
  );
}

function List({ answer, onNew }: { answer: Webhooks; onNew: () => void }) {
  const { webhooks, health } = answer;
  if (webhooks.length === 0)
    return (
      <Message
        icon={<IconWebhook size={22} stroke={1.5} />}
        title={t('No webhooks yet')}
        actions={<Button onClick={onNew}>{t('New webhook')}</Button>}
      >
        {t(
          'A webhook tells another program of each change: of new people, of opportunities that are won, of anything you choose.',
        )}
      </Message>
    );
  return (
    <>
      <Group justify="space-between" mb={10}>
        <h2 className={security.heading}>{t('Webhooks')}</h2>
        <Button leftSection={<IconPlus size={14} stroke={2.2} />} onClick={onNew}>
          {t('New webhook')}
        </Button>
      </Group>
      <div className={security.scroll}>
        <Table className={settings.table} aria-label={t('Webhooks')}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('Name')}</Table.Th>
              <Table.Th className={settings.wideOnly}>{t('Events')}</Table.Th>
              <Table.Th>{t('State')}</Table.Th>
              <Table.Th className={settings.wideOnly}>{t('Last delivery')}</Table.Th>
              <Table.Th className={settings.wideOnly}>{t('Waiting')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {webhooks.map((webhook) => {
              const state = health.get(webhook.id);
              return (
                <Table.Tr key={webhook.id}>
                  <Table.Td>
                    <Link to="/settings/webhooks" search={{ webhook: webhook.id }} className={classes.name}>
                      {webhook.name || t('Without a name')}
                    </Link>
                    <div className={classes.url}>{webhook.targetUrl}</div>
                  </Table.Td>
                  <Table.Td className={settings.wideOnly}>
                    <span className={classes.events}>
                      {webhook.events.length > 3
                        ? t('{events} and {count} more', {
                            events: webhook.events.slice(0, 3).join(', '),
                            count: webhook.events.length - 3,
                          })
                        : `${webhook.events.slice(0, 3).join(', ')}`}
                    </span>
                  </Table.Td>
                  <Table.Td>
                    <StateBadge health={state} />
                  </Table.Td>
                  <Table.Td className={settings.wideOnly}>
                    {state?.lastSuccessAt ? formatRelative(state.lastSuccessAt) : t('Never')}
                  </Table.Td>
                  <Table.Td className={settings.wideOnly}>
                    {state && state.dead > 0
                      ? t('{waiting}, {dead} given up', { waiting: state?.waiting ?? 0, dead: state.dead })
                      : `${state?.waiting ?? 0}`}
                  </Table.Td>
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
      </div>
    </>
  );
}
