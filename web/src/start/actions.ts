import { announce, announceDone, announceFailure } from '../records/announce.tsx';
import { loadSamples, readSamples, removeSamples } from './start.ts';
import { loadedText, removedText } from './startText.ts';
import { t } from '../language/t.ts';

/** Loads the sample data and says what became of it. */
export async function load(): Promise<void> {
  try {
    const { loaded, skipped } = await loadSamples();
    announceDone(loadedText(loaded));
    if (skipped.length > 0)
      announce(
        t('Not all samples fit this workspace'),
        skipped.map(({ object, reason }) => `${object}: ${reason}`).join('\n'),
      );
  } catch (cause) {
    announceFailure(t('The sample data was not loaded'), cause);
  }
}

async function remove(used: 'KEEP' | 'REMOVE'): Promise<void> {
  try {
    const { removed, kept } = await removeSamples(used);
    announceDone(removedText(removed, kept));
  } catch (cause) {
    announceFailure(t('The sample data was not removed'), cause);
  }
}

/** Takes the sample data out; of what is in use it is asked first. */
export async function askToRemove(): Promise<void> {
  try {
    const { used } = await readSamples();
    if (used === 0) await remove('KEEP');
    else {
      const { askAboutUsed } = await import('./askAboutUsed.tsx');
      const answer = await askAboutUsed(used);
      if (answer === null) return;
      await remove(answer);
    }
  } catch (cause) {
    announceFailure(t('The sample data was not removed'), cause);
  }
}
