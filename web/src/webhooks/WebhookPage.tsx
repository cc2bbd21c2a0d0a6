import { Alert, Button, Group, Tabs } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconArrowLeft } from '@tabler/icons-react';
import { useState } from 'react';
import { formatRelative } from '../model/dates.ts';
import security from '../security/security.module.css';
import { makeAct } from '../settings/act.ts';
import { DeliveryLog } from './DeliveryLog.tsx';
import { ReplayForm } from './ReplayForm.tsx';
import { SecretSection } from './SecretSection.tsx';
import { StateBadge } from './StateBadge.tsx';
import { TestButton } from './TestButton.tsx';
import { WebhookForm } from './WebhookForm.tsx';
import { deleteWebhook, updateWebhook, type Health, type Role, type Webhook } from './webhooks.ts';
import classes from './webhooks.module.css';
import { t } from '../language/t.ts';

interface WebhookPageProps {
  /** Null for a new one. */
  webhook: Webhook | null;
  health: Health | undefined;
  roles: Role[];
  again: () => void;
  onDone: (id: string | null) => void;
}

export function WebhookPage({ webhook, health, roles, again, onDone }: WebhookPageProps) {
  const [tab, setTab] = useState<string | null>('settings');
  const act = makeAct(again);
  const name = webhook?.name || t('the webhook');
  const remove = (gone: Webhook) =>
    modals.openConfirmModal({
      title: t('Delete “{name}”?', { name: gone.name || gone.targetUrl }),
      children: t('Its receiver is told nothing more, and the log of its deliveries is gone.'),
      labels: { confirm: 'Delete', cancel: t('Keep it') },
      confirmProps: { color: 'red' },
      onConfirm: () =>
        void act(t('“{name}” was not deleted', { name }), () => deleteWebhook(gone.id)).then(
          (done) => done && onDone(null),
        ),
    });
  const replay = (of: Webhook, since: string | null) =>
    modals.open({
      title: t('Send events again'),
      children: <ReplayForm webhookId={of.id} since={since} onDone={() => (modals.closeAll(), again())} />,
    });

  return (
    <>
      <button type="button" className={classes.back} onClick={() => onDone(null)}>
        <IconArrowLeft size={15} aria-hidden /> {t('All webhooks')}
      </button>
      <Group justify="space-between" mb={12} gap={8}>
        <Group gap={10}>
          <h2 className={security.heading}>{webhook ? webhook.name || t('Without a name') : t('New webhook')}</h2>
          {webhook ? <StateBadge health={health} /> : null}
        </Group>
        {webhook ? (
          <Group gap={6}>
            <TestButton webhookId={webhook.id} onTested={again} />
            <Button
              variant="default"
              onClick={() =>
                void act(t('“{name}” was not switched', { name }), () =>
                  updateWebhook(webhook.id, { isActive: !webhook.isActive }),
                )
              }
            >
              {webhook.isActive ? t('Switch off') : t('Switch on')}
            </Button>
            <Button variant="default" color="red" onClick={() => remove(webhook)}>
              {t('Delete')}
            </Button>
          </Group>
        ) : null}
      </Group>

      {webhook?.disabledAt ? (
        <Alert
          color="red"
          role="alert"
          title={t('Switched off {disabledAt}', { disabledAt: formatRelative(webhook.disabledAt) })}
          mb={14}
        >
          {t(
            '{disabledReason} When the receiver works again, switch the webhook on and send again what it has missed.',
            { disabledReason: webhook.disabledReason },
          )}
          <Group mt={8} gap={8}>
            <Button
              onClick={() =>
                void act(t('“{name}” was not switched on', { name }), () =>
                  updateWebhook(webhook.id, { isActive: true }),
                )
              }
            >
              {t('Switch on')}
            </Button>
          </Group>
        </Alert>
      ) : webhook && health?.state === 'DOWN' ? (
        <Alert color="yellow" title={t('The receiver does not accept anything at present')} mb={14}>
          {t(
            '{lastError} {value} Nothing is lost: what happens meanwhile is sent when it works again, for three days.',
            {
              lastError: health.lastError,
              value: health.nextAttemptAt
                ? t('It is tried again {nextAttemptAt}.', { nextAttemptAt: formatRelative(health.nextAttemptAt) })
                : null,
            },
          )}
        </Alert>
      ) : null}

      {webhook ? (
        <Tabs value={tab} onChange={setTab} keepMounted={false}>
          <Tabs.List mb={16}>
            <Tabs.Tab value="settings">{t('Settings')}</Tabs.Tab>
            <Tabs.Tab value="deliveries">{t('Deliveries')}</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="settings">
            <WebhookForm webhook={webhook} roles={roles} onSaved={again} onCancel={null} />
            <SecretSection webhook={webhook} health={health} again={again} />
          </Tabs.Panel>
          <Tabs.Panel value="deliveries">
            <DeliveryLog webhookId={webhook.id} onReplay={() => replay(webhook, health?.failingSince ?? null)} />
          </Tabs.Panel>
        </Tabs>
      ) : (
        <WebhookForm
          webhook={null}
          roles={roles}
          onSaved={(id) => {
            again();
            onDone(id);
          }}
          onCancel={() => onDone(null)}
        />
      )}
    </>
  );
}
