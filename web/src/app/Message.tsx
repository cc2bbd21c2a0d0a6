import { Button } from '@mantine/core';
import { IconLock } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import classes from './Message.module.css';
import { t } from '../language/t.ts';

interface MessageProps {
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  tone?: 'alert';
  /** It is all that there is on the page. */
  isPage?: boolean;
}

/** The middle of an otherwise empty place: what is the case, and what one can do. */
export function Message({ icon, title, children, actions, tone, isPage }: MessageProps) {
  const Title = isPage ? 'h1' : 'h2';
  return (
    <div className={classes.message} role={tone}>
      {icon ? <div className={classes.icon}>{icon}</div> : null}
      <Title className={classes.title}>{title}</Title>
      {children ? <div className={classes.text}>{children}</div> : null}
      {actions ? <div className={classes.actions}>{actions}</div> : null}
    </div>
  );
}

export function NotFound() {
  return (
    <Message
      isPage
      title={t('There is nothing at this address')}
      actions={
        <Button variant="default" renderRoot={(props) => <Link to="/" {...props} />}>
          {t('Go to the start')}
        </Button>
      }
    >
      {t('The object may have been renamed or deactivated.')}
    </Message>
  );
}

export function Forbidden({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Message
      isPage
      icon={<IconLock size={22} stroke={1.5} />}
      title={title}
      actions={
        <Button variant="default" renderRoot={(props) => <Link to="/" {...props} />}>
          {t('Go to the start')}
        </Button>
      }
    >
      {children}
    </Message>
  );
}

/** In place of a page that could not be drawn. */
export function Broken() {
  return (
    <Message
      isPage
      tone="alert"
      title={t('This page could not be shown')}
      actions={<Button onClick={() => window.location.reload()}>{t('Load it again')}</Button>}
    >
      {t('A part of it is missing or failed. If loading it again does not help, tell whoever keeps this server.')}
    </Message>
  );
}
