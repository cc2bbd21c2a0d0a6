import {
  IconApps,
  IconDatabase,
  IconFingerprint,
  IconKey,
  IconLogin2,
  IconShieldLock,
  IconUsersPlus,
  IconUserCheck,
  IconWebhook,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useMay } from '../model/store.ts';
import frame from '../settings/frame.module.css';
import settings from '../settings/settings.module.css';
import { t } from '../language/t.ts';
import { Sections } from '../settings/Sections.tsx';

const SECTIONS = [
  { to: '/settings/security', label: t('Your sign-in'), icon: IconFingerprint },
  { to: '/settings/keys', label: t('API keys'), icon: IconKey },
  { to: '/settings/webhooks', label: t('Webhooks'), icon: IconWebhook },
  { to: '/settings/apps', label: t('Apps'), icon: IconApps },
  { to: '/settings/database-access', label: t('Database access'), icon: IconDatabase },
  { to: '/settings/provisioning', label: t('Provisioning'), icon: IconUsersPlus },
  { to: '/settings/sign-in', label: t('Members’ sign-in'), icon: IconUserCheck },
  { to: '/settings/sign-ins', label: t('Workspace'), icon: IconLogin2 },
] as const;

interface SecurityFrameProps {
  label: string;
  children: ReactNode;
}

/** What the pages about signing in share. */
export function SecurityFrame({ label, children }: SecurityFrameProps) {
  const keepsSignIn = useMay('SECURITY');
  const keepsWebhooks = useMay('API_KEYS_AND_WEBHOOKS');
  const isOpen: { [address: string]: boolean } = {
    '/settings/sign-in': keepsSignIn,
    '/settings/webhooks': keepsWebhooks,
  };
  return (
    <>
      <header className={frame.header}>
        <h1 className={frame.title}>
          <IconShieldLock size={18} stroke={1.75} aria-hidden />
          {t('Security')}
        </h1>
        <Sections label={t('Security')}>
          {SECTIONS.filter(({ to }) => isOpen[to] ?? true).map(({ to, label: name, icon: SectionIcon }) => (
            <Link key={to} to={to} className={frame.section} activeOptions={{ exact: true, includeSearch: false }}>
              <SectionIcon size={15} stroke={1.75} aria-hidden />
              <span>{name}</span>
            </Link>
          ))}
        </Sections>
      </header>
      <div className={settings.page} tabIndex={0} role="region" aria-label={label}>
        <div className={settings.inner}>{children}</div>
      </div>
    </>
  );
}
