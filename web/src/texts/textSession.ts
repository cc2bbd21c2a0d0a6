import { gql } from 'urql';
import { request } from '../api/client.ts';
import { onReturn } from '../api/connection.ts';
import { toFailure } from '../api/failure.ts';
import { parsed } from '../model/calls.ts';
import { oneDocument } from '../model/documents.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { remember, useUndo, type Step } from '../undo/undo.ts';
import { mergeTexts } from './merge.ts';
import { readMarkdown } from './readMarkdown.ts';
import { writeMarkdown } from './writeMarkdown.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const SAVE = gql<{ payload: { result: Answer | string } }, { input: object }>(
  'mutation SaveText($input: SaveTextInput!) { payload: saveText(input: $input) { result } }',
);

interface Answer {
  isSaved: boolean;
  /** What it is now; null for a record that is gone. */
  text: string | null;
}

export type SavingState =
  | { kind: 'saved' }
  | { kind: 'writing' | 'saving' }
  /** The server cannot be reached: the text is kept on this device, and sent when it can. */
  | { kind: 'waiting' }
  | { kind: 'refused'; reason: string };

interface Page {
  /** What the editor shows, as Markdown. */
  current: () => string;
  /** Shows another text, and leaves the cursor where it is. */
  show: (text: string) => void;
  onState: (state: SavingState) => void;
  /** Both changed the same words: both versions are in the text. */
  onClash: (count: number) => void;
}

interface Subject {
  model: Model;
  object: ModelObject;
  id: string;
  field: ModelField;
  /** Drafts on this device are one member's. */
  memberId: string;
}

const PAUSE_MS = 900;
const AT_LATEST_MS = 8_000;
const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 30_000;
/** What is written after so long a pause is undone by itself. */
const ONE_STEP_MS = 120_000;

/** Two Markdowns that say the same are compared as the editor writes them. */
const canonical = (text: string): string => writeMarkdown(readMarkdown(text));

/**
 * A text while it is written: saved when one pauses, at latest some seconds on. It is saved only over what it was made from; what
 * somebody else has written meanwhile is put together with it, and told.
 */
export class TextSession {
  readonly #subject: Subject;
  readonly #key: string;
  #page: Page;
  /** As the server has it. */
  #base: string;
  #isDirty = false;
  #dirtySince = 0;
  #busy: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retryMs = FIRST_RETRY_MS;
  #step: Step | null = null;
  #stepAt = 0;
  readonly #stop: () => void;

  constructor(subject: Subject, text: string, page: Page) {
    this.#subject = subject;
    this.#base = text;
    this.#page = page;
    this.#key = `relvar.text.${subject.memberId}.${subject.object.id}.${subject.id}.${subject.field.id}`;
    this.#stop = onReturn(() => void this.save());
    window.addEventListener('beforeunload', this.#leave);
    this.#takeDraft();
  }

  get isDirty(): boolean {
    return this.#isDirty;
  }

  changed(): void {
    if (!this.#isDirty) this.#dirtySince = Date.now();
    this.#isDirty = true;
    if (this.#busy === null) this.#page.onState({ kind: 'writing' });
    this.#saveIn(Math.min(PAUSE_MS, Math.max(0, this.#dirtySince + AT_LATEST_MS - Date.now())));
  }

  save(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#isDirty) return Promise.resolve();
    this.#busy ??= this.#send().finally(() => {
      this.#busy = null;
    });
    return this.#busy;
  }

  /** The record has changed: what somebody else wrote is shown. */
  async hear(): Promise<void> {
    const { model, object, id, field } = this.#subject;
    const name = markdownColumn(field);
    try {
      await this.#busy;
      const { record } = await request(oneDocument(model, object, [field]), { id });
      if (!record || this.#busy !== null) return;
      const theirs = String(record[name] ?? '');
      if (theirs === this.#base) return;
      this.#join(theirs);
      if (this.#isDirty) this.changed();
    } catch {
      // The next change, or the next save, finds it.
    }
  }

  /** The editor goes: what is not saved yet is saved without it. */
  close(): void {
    let text = this.#page.current();
    this.#page = {
      current: () => text,
      show: (next) => {
        text = next;
      },
      onState: () => {},
      onClash: () => {},
    };
    void this.save().finally(() => {
      if (this.#isDirty) this.#keepDraft();
      this.#stop();
      window.removeEventListener('beforeunload', this.#leave);
      clearTimeout(this.#timer);
    });
  }

  #saveIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save(), ms);
  }

  readonly #leave = (event: BeforeUnloadEvent): void => {
    if (!this.#isDirty) return;
    this.#keepDraft();
    event.preventDefault();
  };

  /** Puts together what is shown with what somebody else has saved. */
  #join(theirs: string): void {
    const mine = this.#page.current();
    const { text, clashes } = this.#isDirty
      ? mergeTexts(canonical(this.#base), mine, canonical(theirs))
      : { text: canonical(theirs), clashes: 0 };
    this.#base = theirs;
    if (text !== mine) this.#page.show(text);
    if (clashes > 0) this.#page.onClash(clashes);
  }

  async #send(): Promise<void> {
    const { object, id, field } = this.#subject;
    this.#page.onState({ kind: 'saving' });
    try {
      for (;;) {
        const text = this.#page.current();
        if (text === canonical(this.#base)) break;
        const input = { objectName: object.nameSingular, recordId: id, fieldName: field.name, base: this.#base, text };
        const { payload } = await request(SAVE, { input }, (requestId) => this.#note(requestId));
        const answer = parsed(payload.result);
        if (answer.text === null) {
          this.#refuse(
            t('This {labelSingular} is not there any more. What you wrote is kept on this device.', {
              labelSingular: inSentence(object.labelSingular),
            }),
          );
          return;
        }
        if (answer.isSaved) {
          this.#base = text;
          if (this.#page.current() === text) break;
          // One wrote on: that is saved at the next pause.
          this.#dirtySince = Date.now();
          this.#page.onState({ kind: 'writing' });
          this.#retryMs = FIRST_RETRY_MS;
          this.#saveIn(PAUSE_MS);
          return;
        }
        this.#join(answer.text);
      }
      this.#isDirty = false;
      this.#retryMs = FIRST_RETRY_MS;
      localStorage.removeItem(this.#key);
      this.#page.onState({ kind: 'saved' });
    } catch (cause) {
      const { code, message, hint } = toFailure(cause);
      if (code !== 'UNREACHABLE' && code !== 'SERVER') {
        this.#refuse([message, hint].filter(Boolean).join(' '));
        return;
      }
      this.#keepDraft();
      this.#page.onState({ kind: 'waiting' });
      this.#saveIn(this.#retryMs);
      this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
    }
  }

  #refuse(reason: string): void {
    this.#keepDraft();
    this.#page.onState({ kind: 'refused', reason });
  }

  /** What is written in one go is one step to undo. */
  #note(requestId: string): void {
    const now = Date.now();
    const goesOn = this.#step && now - this.#stepAt < ONE_STEP_MS && useUndo.getState().done.at(-1) === this.#step;
    this.#stepAt = now;
    if (goesOn) this.#step!.requestIds.push(requestId);
    else {
      const { object, field } = this.#subject;
      this.#step = {
        label: t('{label} of a {labelSingular}', {
          label: field.label,
          labelSingular: inSentence(object.labelSingular),
        }),
        requestIds: [requestId],
      };
      remember(this.#step);
    }
  }

  #keepDraft(): void {
    try {
      localStorage.setItem(this.#key, JSON.stringify({ base: this.#base, text: this.#page.current() }));
    } catch {
      // A device that keeps nothing: the text is in the page as long as that is open.
    }
  }

  /** What could not be sent before the page was closed. */
  #takeDraft(): void {
    try {
      const kept = JSON.parse(localStorage.getItem(this.#key) ?? 'null') as { base: string; text: string } | null;
      if (!kept) return;
      const { text, clashes } = mergeTexts(canonical(kept.base), kept.text, canonical(this.#base));
      this.#page.show(text);
      this.changed();
      if (clashes > 0) this.#page.onClash(clashes);
    } catch {
      localStorage.removeItem(this.#key);
    }
  }
}

export const markdownColumn = (field: ModelField): string =>
  field.columns.find(({ part }) => part === 'markdown')?.name ?? '';
