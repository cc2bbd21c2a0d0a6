import { RevertDialog } from '../history/RevertDialog.tsx';
import { useModel } from '../model/store.ts';
import { useUndo } from './undo.ts';
import { t } from '../language/t.ts';

/** What is in the way of an undo, and what becomes of it. */
export function UndoDialog() {
  const model = useModel();
  const stuck = useUndo((state) => state.stuck);
  if (!stuck) return null;
  return (
    <RevertDialog
      model={model}
      title={t('Undo: {label}', { label: stuck.label })}
      changes={{ requestId: stuck.requestId }}
      onClose={() => useUndo.setState({ stuck: null })}
      onDone={(requestId) =>
        useUndo.setState(({ undone }) => ({ undone: [...undone, { label: stuck.label, requestIds: [requestId] }] }))
      }
    />
  );
}
