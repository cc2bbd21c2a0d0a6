import { Alert } from '@mantine/core';
import type { FormEventHandler, ReactNode } from 'react';
import { showsMail, useEntrance } from './entrance.ts';
import classes from './SignInPage.module.css';
import { t } from '../language/t.ts';

interface EntranceCardProps {
  title: string;
  /** What went wrong with the last attempt. */
  problem?: { message: string; hint?: string | undefined } | null;
  onSubmit?: FormEventHandler<HTMLFormElement>;
  children?: ReactNode;
}

/** The card in the middle of every page for people who are not signed in. */
export function EntranceCard({ title, problem = null, onSubmit, children }: EntranceCardProps) {
  const options = useEntrance();
  const inside = (
    <>
      <a href="/" aria-label={t('Relvar')}>
        <svg viewBox="0 0 32 32" width="36" height="36" aria-hidden>
          <rect width="32" height="32" rx="8" fill="#0f6b57" />
          <path d="M9 10h14M9 16h14M9 22h8" stroke="white" strokeWidth="3" strokeLinecap="round" />
        </svg>
      </a>
      <h1 className={classes.title}>{title}</h1>
      {problem ? (
        <Alert color="red" variant="light" role="alert" title={problem.message}>
          {problem.hint}
        </Alert>
      ) : null}
      {children}
      {showsMail(options) ? (
        <a className={classes.more} href="/dev/mail">
          {t('Mail that was not sent (development)')}
        </a>
      ) : null}
    </>
  );
  return (
    <main className={classes.page}>
      {onSubmit ? (
        <form className={classes.card} onSubmit={onSubmit} noValidate>
          {inside}
        </form>
      ) : (
        <div className={classes.card}>{inside}</div>
      )}
    </main>
  );
}
