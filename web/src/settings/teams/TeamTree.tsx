import { IconChevronRight, IconUsersGroup } from '@tabler/icons-react';
import { useRef, useState, type KeyboardEvent } from 'react';
import type { Branch, Teams } from './teams.ts';
import classes from './teams.module.css';
import { t } from '../../language/t.ts';
import { meantKey } from '../../language/direction.ts';

interface TeamTreeProps {
  branches: Branch[];
  teams: Teams;
  chosen: string | null;
  onChoose: (id: string) => void;
}

const shownOf = (branches: Branch[], closed: Set<string>): Branch[] =>
  branches.flatMap((branch) => [branch, ...(closed.has(branch.team.id) ? [] : shownOf(branch.children, closed))]);

/** The hierarchy, for the mouse and for the keyboard: arrows move, open and close, Enter chooses. */
export function TeamTree({ branches, teams, chosen, onChoose }: TeamTreeProps) {
  const [closed, setClosed] = useState<Set<string>>(new Set());
  const [focused, setFocused] = useState<string | null>(null);
  const list = useRef<HTMLUListElement>(null);
  const shown = shownOf(branches, closed);
  const reachable = [focused, chosen].find((id) => shown.some(({ team }) => team.id === id)) ?? shown[0]?.team.id;

  const focus = (branch: Branch | undefined) => {
    if (!branch) return;
    setFocused(branch.team.id);
    list.current?.querySelector<HTMLElement>(`[data-team="${branch.team.id}"]`)?.focus();
  };
  const close = (id: string, isClosed: boolean) =>
    setClosed((now) => {
      const next = new Set(now);
      if (isClosed) next.add(id);
      else next.delete(id);
      return next;
    });
  const onKeyDown = (event: KeyboardEvent, branch: Branch) => {
    const at = shown.indexOf(branch);
    const { id, parentTeamId } = branch.team;
    const isOpen = branch.children.length > 0 && !closed.has(id);
    const keys: { [key: string]: () => void } = {
      ArrowDown: () => focus(shown[at + 1]),
      ArrowUp: () => focus(shown[at - 1]),
      Home: () => focus(shown[0]),
      End: () => focus(shown.at(-1)),
      ArrowRight: () => (isOpen ? focus(branch.children[0]) : close(id, false)),
      ArrowLeft: () => (isOpen ? close(id, true) : focus(shown.find(({ team }) => team.id === parentTeamId))),
      Enter: () => onChoose(id),
      ' ': () => onChoose(id),
    };
    const act = keys[meantKey(event.key)];
    if (!act) return;
    event.preventDefault();
    act();
  };

  return (
    <ul ref={list} role="tree" aria-label={t('Teams')} className={classes.tree}>
      {shown.map((branch) => {
        const { team, level, children } = branch;
        const size = teams.memberships.filter((each) => each.teamId === team.id).length;
        const isOpen = children.length > 0 && !closed.has(team.id);
        return (
          <li
            key={team.id}
            role="treeitem"
            data-team={team.id}
            aria-level={level}
            aria-selected={team.id === chosen}
            aria-expanded={children.length > 0 ? isOpen : undefined}
            tabIndex={team.id === reachable ? 0 : -1}
            className={classes.branch}
            style={{ paddingLeft: 8 + (level - 1) * 18 }}
            onClick={() => {
              setFocused(team.id);
              onChoose(team.id);
            }}
            onFocus={() => setFocused(team.id)}
            onKeyDown={(event) => onKeyDown(event, branch)}
          >
            {children.length > 0 ? (
              <span
                className={classes.toggle}
                data-open={isOpen || undefined}
                aria-hidden
                onClick={(event) => {
                  event.stopPropagation();
                  close(team.id, isOpen);
                }}
              >
                <IconChevronRight size={14} />
              </span>
            ) : (
              <span className={classes.toggle} />
            )}
            <IconUsersGroup size={15} stroke={1.75} aria-hidden className={classes.icon} />
            <span className={classes.branchName}>{team.name}</span>
            <span className={classes.size}>{t('{size, plural, one {# member} other {# members}}', { size })}</span>
          </li>
        );
      })}
    </ul>
  );
}
