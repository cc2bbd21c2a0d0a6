import { useModel } from '../model/store.ts';
import type { ModelField } from '../model/types.ts';
import classes from './fields.module.css';
import { noteId } from './noteId.ts';
import { ruleHints } from './rules.ts';

/** Below an editor: what is wrong with the value, or else what the field asks for. */
export function EditorNote({ field, reason, hint }: { field: ModelField; reason: string | null; hint?: string }) {
  const model = useModel();
  if (reason)
    return (
      <div id={noteId(field)} className={classes.reason} role="alert">
        {reason}
      </div>
    );
  const hints = [...(hint ? [hint] : []), ...ruleHints(model, field)];
  return hints.length > 0 ? (
    <div id={noteId(field)} className={classes.hint}>
      {hints.join(' ')}
    </div>
  ) : null;
}
