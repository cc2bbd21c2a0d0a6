import { COLORS } from './Tag.tsx';
import classes from './fields.module.css';

const hash = (text: string): number => [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);

function initials(label: string): string {
  const words = label.split(/\s+/).filter(Boolean);
  return ((words[0]?.[0] ?? '') + (words.length > 1 ? (words.at(-1)?.[0] ?? '') : '')).toUpperCase() || '?';
}

/** A record's mark: its initials on a tint that always is the same for the same record. */
export function Avatar({
  label,
  seed,
  size = 20,
  round = false,
}: {
  label: string;
  seed: string;
  size?: number;
  round?: boolean;
}) {
  return (
    <span
      className={classes.avatar}
      data-color={COLORS[1 + (hash(seed) % (COLORS.length - 1))]}
      style={{
        width: size,
        height: size,
        fontSize: Math.round(size * 0.46),
        borderRadius: round ? '50%' : size * 0.25,
      }}
      aria-hidden
    >
      {size < 24 ? initials(label).slice(0, 1) : initials(label)}
    </span>
  );
}
