import { Button, CopyButton, Group } from '@mantine/core';
import classes from './security.module.css';
import { t } from '../language/t.ts';

interface CopyProps {
  text: string;
  label: string;
}

export function Copy({ text, label }: CopyProps) {
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <Button variant="default" onClick={copy}>
          {copied ? t('Copied') : label}
        </Button>
      )}
    </CopyButton>
  );
}

interface RecoveryCodesProps {
  codes: string[];
  onDone: () => void;
}

/** Shown once, and gone with the page. */
export function RecoveryCodes({ codes, onDone }: RecoveryCodesProps) {
  return (
    <div className={classes.setUp}>
      <p className={classes.note}>
        {t(
          'Keep these codes where you find them without your phone. Each signs you in once in place of a code of the app. They are shown only now.',
        )}
      </p>
      <ul className={classes.codes} aria-label={t('Recovery codes')}>
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <Group gap={8}>
        <Copy text={codes.join('\n')} label={t('Copy the codes')} />
        <Button onClick={onDone}>{t('I have kept them')}</Button>
      </Group>
    </div>
  );
}
