import { IconPrinter } from '@tabler/icons-react';
import { useEffect } from 'react';
import { usePageActions } from '../find/pageActions.ts';
import { formatInstant } from '../model/dates.ts';
import { personName, useSession } from '../session/session.ts';
import { useShortcut } from '../shortcuts/useShortcut.ts';
import './print.css';
import { followPrinting, printPage, usePrinting } from './printing.ts';
import { t } from '../language/t.ts';

/** What makes pages fit for paper, and stands at their top: of which workspace, when, and by whom. */
export default function PrintHost() {
  const identity = useSession((state) => state.identity);
  // Each printing has a time of its own.
  usePrinting();
  useEffect(followPrinting, []);
  const print = () => void printPage();
  useShortcut('print', print);
  usePageActions([{ id: 'print', label: t('Print this page'), icon: <IconPrinter size={16} />, run: print }]);
  if (!identity) return null;
  return (
    <p className="print-only print-origin">
      <span>{identity.workspace.name}</span>
      <span>
        {t('Printed {instant} by {name}', {
          instant: formatInstant(new Date().toISOString()),
          name: personName(identity),
        })}
      </span>
    </p>
  );
}
