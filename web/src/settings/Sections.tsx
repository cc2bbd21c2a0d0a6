import { useEffect, useRef, type ReactNode } from 'react';
import classes from './frame.module.css';

/** The pages of one part of the settings, beside one another. Where they do not all fit, the one that is open is in sight. */
export function Sections({ label, children }: { label: string; children: ReactNode }) {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    const link = nav.current?.querySelector('[data-status="active"]')?.getBoundingClientRect();
    const line = nav.current?.getBoundingClientRect();
    // The line alone: what is around it stays where it is.
    if (link && line) nav.current?.scrollBy(link.left + link.width / 2 - line.left - line.width / 2, 0);
  }, []);
  return (
    <nav ref={nav} className={classes.sections} aria-label={label} data-sections>
      {children}
    </nav>
  );
}
