import { ActionIcon, Button, Group, MultiSelect, Select, Switch, TextInput } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { useInquiry } from '../../settings/useInquiry.ts';
import { rolesFor } from '../calls.ts';
import classes from '../security.module.css';
import type { Patch, Provider } from './providers.ts';
import { t } from '../../language/t.ts';
import { Trans } from '../../language/Trans.tsx';

interface WhoGetsInProps {
  provider: Provider;
  /** The approved domains of the workspace. */
  domains: string[];
  change: (patch: Patch) => Promise<boolean>;
}

/** Whom the provider makes members, and with which role. */
export function WhoGetsIn({ provider, domains, change }: WhoGetsInProps) {
  const { emailDomains, makesMembers, trustsSecondFactor } = provider;
  return (
    <section className={classes.section} aria-labelledby="who">
      <h3 className={classes.heading} id="who">
        {t('Who gets in')}
      </h3>
      <p className={classes.note}>
        {t('Members and people who were invited, with the address that the provider vouches for.')}
      </p>
      <div className={classes.switches}>
        <Switch
          label={t('Others at approved domains become members when they sign in')}
          description={
            domains.length === 0 ? (
              <>
                <Trans
                  text={'No domain is approved yet. That is done with the <0>members</0>.'}
                  tags={{ 0: <Link to="/settings/members" /> }}
                />
              </>
            ) : (
              t('Approved are {domains}.', { domains: domains.join(', ') })
            )
          }
          checked={makesMembers}
          onChange={(event) => void change({ makesMembers: event.currentTarget.checked })}
        />
        {makesMembers && domains.length > 1 ? (
          <MultiSelect
            label={t('Of which domains')}
            description={t('None means all that are approved.')}
            data={[...new Set([...domains, ...emailDomains])]}
            value={emailDomains}
            onChange={(chosen) => void change({ emailDomains: chosen })}
            maw={420}
          />
        ) : null}
        <Switch
          label={t('Trust the provider’s second factor')}
          description={t(
            'Where it says that it has asked for one (amr), Relvar does not ask again. Otherwise members prove their own.',
          )}
          checked={trustsSecondFactor}
          onChange={(event) => void change({ trustsSecondFactor: event.currentTarget.checked })}
        />
      </div>
      <RoleMapping provider={provider} change={change} />
    </section>
  );
}

function RoleMapping({ provider, change }: { provider: Provider; change: WhoGetsInProps['change'] }) {
  const choices = useInquiry('roles of members', () => rolesFor('MEMBERS'));
  const [claim, setClaim] = useState(provider.roleClaim ?? '');
  const [lines, setLines] = useState(provider.roles);
  const [otherwise, setOtherwise] = useState(provider.defaultRoleId);
  const [isAnew, setIsAnew] = useState(provider.setsRoleAnew);
  const [busy, setBusy] = useState(false);
  const data = (choices.answer ?? []).map(({ id, name }) => ({ value: id, label: name }));
  const set = (place: number, part: Partial<(typeof lines)[number]>) =>
    setLines(lines.map((line, i) => (i === place ? { ...line, ...part } : line)));
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    await change({ roleClaim: claim, roles: lines, defaultRoleId: otherwise, setsRoleAnew: isAnew });
    setBusy(false);
  };
  return (
    <form className={classes.roles} onSubmit={(event) => void save(event)}>
      <h4 className={classes.small}>{t('Roles')}</h4>
      <TextInput
        label={t('Claim')}
        description={t('Whose values give roles, such as groups or realm_access.roles. Empty for none.')}
        value={claim}
        onChange={(event) => setClaim(event.currentTarget.value)}
        maw={420}
      />
      {claim.trim() === '' ? null : (
        <>
          {lines.map((line, i) => (
            <Group key={i} gap={8} align="end" wrap="nowrap">
              <TextInput
                label={i === 0 ? t('Value') : undefined}
                aria-label={t('Value {i}', { i: i + 1 })}
                className={classes.grow}
                value={line.value}
                onChange={(event) => set(i, { value: event.currentTarget.value })}
              />
              <Select
                label={i === 0 ? t('Role') : undefined}
                aria-label={t('Role {i}', { i: i + 1 })}
                data={data}
                value={line.roleId}
                allowDeselect={false}
                onChange={(roleId) => roleId && set(i, { roleId })}
                w={180}
              />
              <ActionIcon
                variant="subtle"
                color="gray"
                size="lg"
                aria-label={t('Remove line {i}', { i: i + 1 })}
                onClick={() => setLines(lines.filter((_line, place) => place !== i))}
              >
                <IconX size={15} />
              </ActionIcon>
            </Group>
          ))}
          <div>
            <Button
              variant="subtle"
              leftSection={<IconPlus size={14} />}
              disabled={data.length === 0}
              onClick={() => setLines([...lines, { value: '', roleId: data[0]!.value }])}
            >
              {t('Add a line')}
            </Button>
          </div>
          <Switch
            label={t('Set the role anew at each sign-in')}
            description={t('Otherwise it is set once, and changed here. The last administrator stays one.')}
            checked={isAnew}
            onChange={(event) => setIsAnew(event.currentTarget.checked)}
          />
        </>
      )}
      <Select
        label={claim.trim() === '' ? t('Role of who joins') : t('Role where no line fits')}
        data={data}
        value={otherwise}
        placeholder={t('The default role of the workspace')}
        clearable
        onChange={setOtherwise}
        maw={420}
      />
      <div>
        <Button type="submit" variant="default" loading={busy}>
          {t('Save the roles')}
        </Button>
      </div>
    </form>
  );
}
