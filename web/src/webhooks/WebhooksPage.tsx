import { Alert, Button, Group, Skeleton, Table } from '@mantine/core';
import { IconPlus, IconWebhook } from '@tabler/icons-react';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import { Forbidden, Message } from '../app/Message.tsx';
import { formatRelative } from '../model/dates.ts';
import { useMay } from '../model/store.ts';
import { SecurityFrame } from '../security/SecurityFrame.tsx';
import security from '../security/security.module.css';
import settings from '../settings/settings.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { StateBadge } from './StateBadge.tsx';
import { WebhookPage } from './WebhookPage.tsx';
import { askWebhooks, type Webhooks } from './webhooks.ts';
import classes from './webhooks.module.css';

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
      <Forbidden title="Your role does not keep webhooks">
        Webhooks are for roles with the permission “API keys and webhooks”.
      </Forbidden>
    );

  const webhook = answer?.webhooks.find(({ id }) => id === chosen);
  return (
    <SecurityFrame label="Webhooks">
      {failure && !answer ? (
        <Alert color="red" role="alert" title={failure.message}>
          {failure.hint} <Button onClick={again}>Try again</Button>
        </Alert>
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
        <Message title="There is no such webhook" actions={<Button onClick={() => choose(null)}>All webhooks</Button>}>
          It may have been deleted meanwhile.
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
        title="No webhooks yet"
        actions={<Button onClick={onNew}>New webhook</Button>}
      >
        A webhook tells another program of each change: of new people, of opportunities that are won, of anything you
        choose.
      </Message>
    );
  return (
    <>
      <Group justify="space-between" mb={10}>
        <h2 className={security.heading}>Webhooks</h2>
        <Button leftSection={<IconPlus size={14} stroke={2.2} />} onClick={onNew}>
          New webhook
        </Button>
      </Group>
      <div className={security.scroll}>
        <Table className={settings.table} aria-label="Webhooks">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Name</Table.Th>
              <Table.Th className={settings.wideOnly}>Events</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th className={settings.wideOnly}>Last delivery</Table.Th>
              <Table.Th className={settings.wideOnly}>Waiting</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {webhooks.map((webhook) => {
              const state = health.get(webhook.id);
              return (
                <Table.Tr key={webhook.id}>
                  <Table.Td>
                    <Link to="/settings/webhooks" search={{ webhook: webhook.id }} className={classes.name}>
                      {webhook.name || 'Without a name'}
                    </Link>
                    <div className={classes.url}>{webhook.targetUrl}</div>
                  </Table.Td>
                  <Table.Td className={settings.wideOnly}>
                    <span className={classes.events}>
                      {webhook.events.slice(0, 3).join(', ')}
                      {webhook.events.length > 3 ? ` and ${webhook.events.length - 3} more` : ''}
                    </span>
                  </Table.Td>
                  <Table.Td>
                    <StateBadge health={state} />
                  </Table.Td>
                  <Table.Td className={settings.wideOnly}>
                    {state?.lastSuccessAt ? formatRelative(state.lastSuccessAt) : 'Never'}
                  </Table.Td>
                  <Table.Td className={settings.wideOnly}>
                    {state?.waiting ?? 0}
                    {state && state.dead > 0 ? `, ${state.dead} given up` : ''}
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
