import { countOf, type Import, findImport, isRunning } from './imports.ts';
import { objectCount } from './importText.ts';
import type { ModelObject } from '../model/types.ts';
import { offerToTakeBack } from '../records/announce.tsx';
import { stepOfImport, undoStep } from '../undo/undo.ts';
import { t } from '../language/t.ts';

const LOOK_MS = 1000;
const followed = new Set<string>();

/** What an import did is undone as a whole. */
export const undoneAs = ({ id, fileName }: Import) => stepOfImport(id, t('Import of {fileName}', { fileName }));

/** Waits for an import of one's own to end, also while its page is left: then it can be undone like anything else. */
export async function followImport(id: string, object: ModelObject): Promise<void> {
  if (followed.has(id)) return;
  followed.add(id);
  const found = await ended(id);
  followed.delete(id);
  if (!found || found.status !== 'DONE' || found.revertedAt || countOf(found) === 0) return;
  const step = undoneAs(found);
  offerToTakeBack(
    t('{fileName} is imported: {object}', { fileName: found.fileName, object: objectCount(object, countOf(found)) }),
    () => undoStep(step),
  );
}

async function ended(id: string): Promise<Import | null> {
  for (let failures = 0; failures < 60;) {
    try {
      const found = await findImport(id);
      if (!isRunning(found)) return found;
      failures = 0;
    } catch {
      failures += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return null;
}
