import { useEffect, useRef, type ReactNode } from 'react';
import classes from './frame.module.css';

/** The pages of one part of the settings, beside one another. Where they do not all fit, the one that is open is in sight. */
export function Sections({ label, children }: { label: string; children: ReactNode }) {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    nav.current?.querySelector('[data-status="active"]')?.scrollIntoView({ inline: 'center', block: 'nearest' });
  }, []);
  return (
    <nav ref={nav} className={classes.sections} aria-label={label} data-sections>
      {children}
    </nav>
  );
}
