import { Alert, Button, Group, SegmentedControl, Select, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useState, type FormEvent } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { announceDone } from '../records/announce.tsx';
import security from '../security/security.module.css';
import { chosenOf, subscriptionsOf, type Subscription } from './subscriptions.ts';
import { SubscriptionLine } from './SubscriptionLine.tsx';
import { createWebhook, updateWebhook, type Role, type Webhook, type WebhookFormat } from './webhooks.ts';
import classes from './webhooks.module.css';
import { t } from '../language/t.ts';

interface WebhookFormProps {
  webhook: Webhook | null;
  roles: Role[];
  onSaved: (id: string) => void;
  onCancel: (() => void) | null;
}

const ANY: Subscription = { object: '*', actions: [], filter: '', fields: [] };

/** Where to, what, as what and how. */
export function WebhookForm({ webhook, roles, onSaved, onCancel }: WebhookFormProps) {
  const [name, setName] = useState(webhook?.name ?? '');
  const [description, setDescription] = useState(webhook?.description ?? '');
  const [targetUrl, setTargetUrl] = useState(webhook?.targetUrl ?? '');
  const [format, setFormat] = useState<WebhookFormat>(webhook?.format ?? 'STANDARD');
  const [roleId, setRoleId] = useState(webhook?.roleId ?? null);
  const [lines, setLines] = useState(() => (webhook ? subscriptionsOf(webhook) : [ANY]));
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const isSound = /^https?:\/\/\S+$/.test(targetUrl.trim());

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    const draft = {
      name: name.trim(),
      description: description.trim(),
      targetUrl: targetUrl.trim(),
      format,
      ...chosenOf(lines),
    };
    try {
      if (webhook) {
        await updateWebhook(webhook.id, { ...draft, ...(roleId === null ? {} : { roleId }) });
        announceDone(t('The webhook was saved'));
        onSaved(webhook.id);
      } else onSaved(await createWebhook({ ...draft, roleId, isActive: true }));
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };

  return (
    <form className={classes.form} onSubmit={(event) => void submit(event)} noValidate>
      {failure ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      <TextInput
        label={t('Name')}
        value={name}
        maxLength={100}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <TextInput
        label={t('Address')}
        description={t('It gets a POST for each event')}
        placeholder="https://example.com/hook"
        inputMode="url"
        required
        value={targetUrl}
        onChange={(event) => setTargetUrl(event.currentTarget.value)}
        error={targetUrl !== '' && !isSound ? t('An address begins with https://') : null}
      />
      {targetUrl.startsWith('http://') ? (
        <p className={security.note}>{t('Over http:// anybody on the way can read what is sent.')}</p>
      ) : null}
      <TextInput
        label={t('What it is for')}
        value={description}
        maxLength={500}
        onChange={(event) => setDescription(event.currentTarget.value)}
      />
      <fieldset className={classes.subscriptions}>
        <legend>{t('Events')}</legend>
        {lines.map((line, i) => (
          <SubscriptionLine
            // Lines have no identity but their place.
            key={i}
            value={line}
            taken={lines.filter((each) => each !== line).map(({ object }) => object)}
            onChange={(next) => setLines(lines.with(i, next))}
            onRemove={lines.length > 1 ? () => setLines(lines.toSpliced(i, 1)) : null}
          />
        ))}
        <Button
          variant="default"
          leftSection={<IconPlus size={14} />}
          onClick={() => setLines([...lines, { ...ANY, object: '' }])}
          className={classes.add}
        >
          {t('Another object')}
        </Button>
      </fieldset>
      <Select
        label={t('It tells what this role sees')}
        description={t('No other records, and of them no other fields')}
        placeholder={t('Your own role')}
        data={roles.map(({ id, name: label }) => ({ value: id, label }))}
        value={roleId}
        onChange={setRoleId}
        allowDeselect={webhook === null}
      />
      <div>
        <SegmentedControl
          aria-label={t('Format')}
          value={format}
          onChange={(value) => setFormat(value as WebhookFormat)}
          data={[
            { value: 'STANDARD', label: t('Standard Webhooks') },
            { value: 'TWENTY', label: t('As Twenty sends them') },
          ]}
        />
        <p className={security.note}>
          {format === 'STANDARD'
            ? t('Signed with webhook-id, webhook-timestamp and webhook-signature.')
            : t('Body and headers of Twenty, so that its receivers work unchanged.')}
        </p>
      </div>
      <Group gap={8}>
        <Button type="submit" loading={busy} disabled={!isSound || chosenOf(lines).events.length === 0}>
          {webhook ? t('Save') : t('Create the webhook')}
        </Button>
        {onCancel ? (
          <Button variant="default" onClick={onCancel}>
            {t('Cancel')}
          </Button>
        ) : null}
      </Group>
    </form>
  );
}
