import { countText } from '../model/formats.ts';
import { Alert, Button, TextInput } from '@mantine/core';
import { useCallback, useEffect, useState } from 'react';
import { announceFailure } from '../records/announce.tsx';
import { findProblems, mendCell, type Import, type Problem } from './imports.ts';
import classes from './imports.module.css';
import { serverText } from '../language/serverText.ts';
import { t } from '../language/t.ts';

const PAGE = 100;
const KEPT = 50_000;

/** What is wrong, most frequent first; of each kind the rows, whose cells are mended in place. */
export function ProblemList({ found, onMended }: { found: Import; onMended: (() => void) | null }) {
  const groups = found.result?.groups ?? [];
  const [kind, setKind] = useState<string | null>(groups[0]?.kind ?? null);
  const [problems, setProblems] = useState<Problem[]>([]);
  const [hasMore, setMore] = useState(false);
  const more = useCallback(
    async (after: number, before: Problem[]) => {
      try {
        const page = await findProblems(found.id, kind, after);
        setProblems([...before, ...page]);
        setMore(page.length === PAGE);
      } catch (cause) {
        announceFailure(t('The rows could not be read'), cause);
      }
    },
    [found.id, kind],
  );
  useEffect(() => void more(0, []), [more]);
  const group = groups.find((each) => each.kind === kind);
  const rejected = found.result?.rejected ?? 0;
  return (
    <section aria-label={t('Problems')}>
      <h2 className={classes.section}>
        {onMended ? t('Rows that cannot be imported as they are') : t('Rows that were rejected')}
      </h2>
      <ul className={classes.groups}>
        {groups.map((each) => (
          <li key={each.kind}>
            <button
              type="button"
              className={classes.group}
              aria-pressed={each.kind === kind}
              onClick={() => setKind(each.kind)}
            >
              <span>{countText(each.count)}</span>
              <span>{each.count === 1 ? each.example : each.kind}</span>
            </button>
          </li>
        ))}
      </ul>
      {rejected > KEPT ? (
        <Alert color="gray" mb="sm">
          {t('Only the first {kept} of {rejected} are shown. It may be quicker to mend the file itself.', {
            kept: countText(KEPT),
            rejected: countText(rejected),
          })}
        </Alert>
      ) : null}
      <div
        className={classes.scroll}
        tabIndex={0}
        role="region"
        aria-label={t('Rows with this problem')}
        style={{ maxHeight: 420 }}
      >
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">{t('Row')}</th>
              <th scope="col">{t('What is wrong')}</th>
              <th scope="col">
                {group?.cell === null || group === undefined ? t('Cells') : (headerOf(found, group.cell) ?? t('Cell'))}
              </th>
            </tr>
          </thead>
          <tbody>
            {problems.map((problem) => (
              <tr key={problem.line}>
                <td>{problem.line}</td>
                <td className={classes.reason}>{serverText(problem.reason)}</td>
                <td>
                  {problem.cell === null || onMended === null ? (
                    problem.cells.filter(Boolean).slice(0, 6).join(' · ')
                  ) : (
                    <Mend found={found} problem={problem} cell={problem.cell} onMended={onMended} />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {hasMore ? (
        <Button variant="default" mt="sm" onClick={() => void more(problems.at(-1)?.line ?? 0, problems)}>
          {t('Show more')}
        </Button>
      ) : null}
    </section>
  );
}

const headerOf = (found: Import, cell: number): string | undefined => found.result?.headers[cell];

function Mend({
  found,
  problem,
  cell,
  onMended,
}: {
  found: Import;
  problem: Problem;
  cell: number;
  onMended: () => void;
}) {
  const before = problem.fixes?.[cell] ?? problem.cells[cell] ?? '';
  const [value, setValue] = useState(before);
  const [kept, setKept] = useState(before);
  const keep = async () => {
    if (value === kept) return;
    try {
      await mendCell(found.id, problem.line, cell, value);
      setKept(value);
      onMended();
    } catch (cause) {
      announceFailure(t('The cell was not mended'), cause);
    }
  };
  return (
    <TextInput
      className={classes.mend}
      aria-label={t('{found} of row {line}', { found: headerOf(found, cell) ?? t('Cell'), line: problem.line })}
      value={value}
      onChange={(event) => setValue(event.currentTarget.value)}
      onBlur={() => void keep()}
      onKeyDown={(event) => {
        if (event.key === 'Enter') void keep();
        if (event.key === 'Escape') setValue(kept);
      }}
    />
  );
}
