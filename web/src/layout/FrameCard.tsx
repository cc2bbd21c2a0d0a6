import { IconExternalLink } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import type { RecordRow } from '../model/types.ts';
import record from '../records/RecordView.module.css';
import { framedAddress } from './framedAddress.ts';
import type { WidgetOf } from './layout.ts';
import classes from './layout.module.css';
import { useOpenRecord } from './openRecord.ts';
import { t } from '../language/t.ts';

/**
 * With both its origin and its scripts a page could leave the sandbox if it were of ours, which `framedAddress` refuses; without
 * its origin nobody could sign in there.
 */
const SANDBOX = 'allow-forms allow-popups allow-same-origin allow-scripts'; // no text

/**
 * A page of somewhere else. The server says which origins may be framed, by its content security policy; what is framed runs in a
 * sandbox and learns nothing but what its address is made of.
 */
export function FrameCard({ widget }: { widget: WidgetOf<'FRAME'> }) {
  const { row } = useOpenRecord();
  const address = framedAddress(widget.url, row as RecordRow, window.location.origin);
  const [refused, setRefused] = useState<string | null>(null);
  useEffect(() => {
    const hear = ({ effectiveDirective, blockedURI }: SecurityPolicyViolationEvent) => {
      if (effectiveDirective === 'frame-src' && address && blockedURI.startsWith(new URL(address).origin))
        setRefused(address);
    };
    document.addEventListener('securitypolicyviolation', hear);
    return () => document.removeEventListener('securitypolicyviolation', hear);
  }, [address]);
  const title = widget.title ?? t('Web page');
  return (
    <section className={record.block} aria-label={title} data-print="hide">
      <div className={record.blockHead}>
        <h2 className={record.blockTitle}>{title}</h2>
        {address ? (
          <a className={classes.frameLink} href={address} target="_blank" rel="noreferrer noopener">
            <IconExternalLink size={14} aria-hidden /> {t('Open')}
          </a>
        ) : null}
      </div>
      {address === null ? (
        <p className={record.quiet}>{t('There is no address to show here.')}</p>
      ) : refused === address ? (
        <p className={record.quiet}>
          {t(
            'Pages of {origin} are not shown within Relvar. Whoever runs this server allows them (RELVAR_FRAME_ORIGINS).',
            { origin: new URL(address).origin },
          )}
        </p>
      ) : (
        <iframe
          key={address}
          title={title}
          className={classes.frame}
          src={address}
          loading="lazy"
          referrerPolicy="no-referrer"
          sandbox={SANDBOX}
        />
      )}
    </section>
  );
}
