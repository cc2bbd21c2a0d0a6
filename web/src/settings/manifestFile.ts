import { exportManifest } from '../model/planning.ts';
import type { Model } from '../model/types.ts';

/** Saves the model as a file that another workspace can import. */
export async function downloadManifest(model: Model): Promise<void> {
  const manifest = await exportManifest();
  const blob = new Blob([`${JSON.stringify(manifest, null, 2)}\n`], { type: 'application/json' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${model.workspace.slug}-model-${model.version}.json`;
  link.click();
  // Only after the click has begun to read it.
  setTimeout(() => URL.revokeObjectURL(link.href));
}
