import { Button, Group, Skeleton, Table, TextInput } from '@mantine/core';
import { modals } from '@mantine/modals';
import { useState, type FormEvent } from 'react';
import { formatRelative } from '../model/dates.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import { addPasskey, hasPasskeys } from '../session/passkeys.ts';
import settings from '../settings/settings.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { askProof } from './askProof.tsx';
import { passkeys, removePasskey, renamePasskey, type Passkey } from './calls.ts';
import { RecoveryCodes } from './Secret.tsx';
import classes from './security.module.css';
import { t } from '../language/t.ts';

/** Keys of the member's devices, each of which signs in by itself. */
export function PasskeysSection({ onChanged }: { onChanged: () => void }) {
  const { answer, failure, again } = useInquiry('passkeys', passkeys);
  const [codes, setCodes] = useState<string[] | null>(null);
  const changed = () => {
    again();
    onChanged();
  };
  const add = () =>
    askProof(t('Add a passkey'), t('Continue'), async (proof) => {
      setCodes(await addPasskey(proof));
      changed();
    });
  const remove = ({ id, name }: Passkey) =>
    askProof(t('Remove “{name}”?', { name }), t('Remove'), async (proof) => {
      await removePasskey(id, proof);
      changed();
    });
  const rename = (passkey: Passkey) =>
    modals.open({
      title: t('Name the passkey'),
      children: (
        <Rename
          passkey={passkey}
          onNamed={(name) =>
            void renamePasskey(passkey.id, name)
              .catch((cause: unknown) => announceFailure(t('The passkey was not renamed'), cause))
              .finally(again)
          }
        />
      ),
    });
  const isPossible = answer?.isAvailable === true && hasPasskeys();
  return (
    <section className={classes.section} aria-labelledby="passkeys">
      <Group justify="space-between" mb={4}>
        <h2 className={classes.heading} id="passkeys">
          {t('Passkeys')}
        </h2>
        {isPossible ? (
          <Button variant="default" onClick={add}>
            {t('Add a passkey')}
          </Button>
        ) : null}
      </Group>
      {failure ? (
        <ReadFailure what={t('Passkeys')} failure={failure} onRetry={again} />
      ) : codes ? (
        <RecoveryCodes codes={codes} onDone={() => setCodes(null)} />
      ) : !answer ? (
        <Skeleton height={60} />
      ) : !isPossible && answer.passkeys.length === 0 ? (
        <p className={classes.note}>
          {t('Browsers keep passkeys over https or on localhost. Reach Relvar at such an address to make one.')}
        </p>
      ) : answer.passkeys.length === 0 ? (
        <p className={classes.note}>
          {t(
            'None. With a passkey you sign in by finger, face or PIN of your device, without a password; it cannot be guessed or fished for. Signing in with the password then asks for it, too.',
          )}
        </p>
      ) : (
        <div className={classes.scroll}>
          <Table className={settings.table}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('Name')}</Table.Th>
                <Table.Th className={settings.wideOnly}>{t('Kept')}</Table.Th>
                <Table.Th className={settings.wideOnly}>{t('Added')}</Table.Th>
                <Table.Th>{t('Last used')}</Table.Th>
                <Table.Th>
                  <span className="visually-hidden">{t('Actions')}</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {answer.passkeys.map((passkey) => (
                <Table.Tr key={passkey.id}>
                  <Table.Td>{passkey.name}</Table.Td>
                  <Table.Td className={settings.wideOnly}>
                    {passkey.isSynced ? t('On all your devices') : t('On one device')}
                  </Table.Td>
                  <Table.Td className={settings.wideOnly}>{formatRelative(passkey.createdAt)}</Table.Td>
                  <Table.Td>{passkey.lastUsedAt ? formatRelative(passkey.lastUsedAt) : t('Never')}</Table.Td>
                  <Table.Td align="right">
                    <Group gap={8} justify="flex-end" wrap="nowrap">
                      <Button
                        variant="default"
                        aria-label={t('Rename {name}', { name: passkey.name })}
                        onClick={() => rename(passkey)}
                      >
                        {t('Rename')}
                      </Button>
                      <Button
                        variant="default"
                        color="red"
                        aria-label={t('Remove {name}', { name: passkey.name })}
                        onClick={() => remove(passkey)}
                      >
                        {t('Remove')}
                      </Button>
                    </Group>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </section>
  );
}

function Rename({ passkey, onNamed }: { passkey: Passkey; onNamed: (name: string) => void }) {
  const [name, setName] = useState(passkey.name);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    modals.closeAll();
    onNamed(name.trim());
  };
  return (
    <form className={classes.form} onSubmit={submit} noValidate>
      <TextInput
        label={t('Name')}
        description={t('By which you know the device again')}
        maxLength={100}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        data-autofocus
      />
      <Group gap={8} justify="flex-end">
        <Button variant="default" onClick={() => modals.closeAll()}>
          {t('Cancel')}
        </Button>
        <Button type="submit" disabled={name.trim() === ''}>
          {t('Save')}
        </Button>
      </Group>
    </form>
  );
}
