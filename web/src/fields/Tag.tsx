import classes from './fields.module.css';

/** Twenty's and our palette; a colour that is not in it falls back to grey. */
export const COLORS = ['gray', 'red', 'orange', 'yellow', 'green', 'turquoise', 'sky', 'blue', 'purple', 'pink'];

export function Tag({ label, color }: { label: string; color: string }) {
  return (
    <span className={classes.tag} data-color={COLORS.includes(color) ? color : 'gray'}>
      {label}
    </span>
  );
}
