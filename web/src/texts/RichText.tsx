import { Button } from '@mantine/core';
import { IconCheck, IconCloudOff, IconPencil } from '@tabler/icons-react';
import { Placeholder } from '@tiptap/extensions';
import { Slice } from '@tiptap/pm/model';
import { EditorContent, useEditor, type Editor } from '@tiptap/react';
import { useRouter } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { RecordChange } from '../api/live.ts';
import { UploadList } from '../files/UploadList.tsx';
import { kindOf } from '../files/files.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { announce } from '../records/announce.tsx';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { pageOf, useSession } from '../session/session.ts';
import { ChoiceList } from './ChoiceList.tsx';
import { blockChoices, mentionChoices } from './choices.tsx';
import { FormatBar } from './FormatBar.tsx';
import { knownName, nameOf } from './names.ts';
import { cleanPasted, isPictureAlone } from './paste.ts';
import { drawPicture } from './picture.ts';
import { readMarkdown, type Piece } from './readMarkdown.ts';
import { Mention, textExtensions } from './schema.ts';
import { createChoices, suggesting } from './suggestions.ts';
import classes from './texts.module.css';
import { TextSession, type SavingState } from './textSession.ts';
import { useTextFiles } from './useTextFiles.ts';
import { writeMarkdown } from './writeMarkdown.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface RichTextProps {
  model: Model;
  object: ModelObject;
  field: ModelField;
  id: string;
  /** As it is read: Markdown. */
  text: string;
  readOnly: boolean;
  autoFocus?: boolean;
  onEditing?: (isEditing: boolean) => void;
}

/** The mention of a member, with what they are called now. */
const NamedMention = Mention.extend({
  addNodeView:
    () =>
    ({ node }) => {
      const dom = document.createElement('span');
      dom.className = classes.mention!;
      dom.dataset['member'] = String(node.attrs['id']);
      nameOf(String(node.attrs['id']), (name) => {
        dom.textContent = `@${name}`;
      });
      return { dom };
    },
  renderText: ({ node }) => `@${knownName(String(node.attrs['id']))}`,
});

const extensions = () =>
  textExtensions().map((extension) =>
    extension.name === 'mention'
      ? NamedMention
      : extension.name === 'image'
        ? extension.extend({ addNodeView: () => drawPicture })
        : extension,
  );

const markdownOf = (editor: Editor): string => writeMarkdown(editor.getJSON() as Piece);

/** Puts another text in the place of what is shown, where it differs: the cursor stays with its words. */
function show(editor: Editor, text: string): void {
  const next = editor.schema.nodeFromJSON(readMarkdown(text));
  const { doc } = editor.state;
  const start = doc.content.findDiffStart(next.content);
  const end = doc.content.findDiffEnd(next.content);
  if (start === null || end === null) return;
  const overlap = Math.max(0, start - Math.min(end.a, end.b));
  const transaction = editor.state.tr.replace(start, end.a + overlap, next.slice(start, end.b + overlap));
  editor.view.dispatch(transaction.setMeta('addToHistory', false).setMeta('preventUpdate', true));
}

const isPicture = (file: File): boolean => kindOf(file.type) === 'image';

/** A rich text where it stands: written in at once, saved by itself, and followed while others write in it, too. */
export function RichText({ model, object, field, id, text, readOnly, autoFocus, onEditing }: RichTextProps) {
  const router = useRouter();
  const memberId = useSession(({ identity }) => pageOf(identity)) ?? '';
  const [state, setState] = useState<SavingState>({ kind: 'saved' });
  const [clashes, setClashes] = useState(0);
  const store = useMemo(() => createChoices(), []);
  const session = useRef<TextSession | null>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const [first] = useState(text);

  const { uploads, again, drop, add } = useTextFiles(model, object, id, (file) =>
    editor
      ?.chain()
      .focus()
      .insertContent({ type: 'image', attrs: { src: `/files/${file.id}`, alt: file.name } })
      .run(),
  );
  const files = useRef(add);
  useEffect(() => {
    files.current = add;
  });
  const takePictures = (given: File[]): boolean => {
    const pictures = given.filter(isPicture);
    if (pictures.length === 0) return false;
    if (files.current) files.current(pictures);
    else
      announce(
        t('Picture not added'),
        t('Files are not kept with {labelPlural}, or your role may not upload any.', {
          labelPlural: inSentence(object.labelPlural),
        }),
      );
    return true;
  };
  const choosePicture = add ? () => chooser.current?.click() : undefined;
  const latest = useRef({ choosePicture, onEditing });
  useEffect(() => {
    latest.current = { choosePicture, onEditing };
  });

  const follow = (event: MouseEvent): boolean => {
    const link = (event.target as Element).closest('a[href]');
    const href = link?.getAttribute('href');
    if (!href || event.button > 1) return false;
    const isWriting = editor?.isEditable && editor.isFocused && !(event.metaKey || event.ctrlKey);
    event.preventDefault();
    if (isWriting && !href.startsWith('/objects/')) return false;
    if (href.startsWith('/objects/') && !event.metaKey && !event.ctrlKey) router.history.push(href);
    else window.open(href, '_blank', 'noopener,noreferrer');
    return true;
  };

  const editor = useEditor({
    extensions: [
      ...extensions(),
      Placeholder.configure({
        placeholder: readOnly ? '' : t('Write, or press / for blocks and @ for members and records'),
      }),
      suggesting(store, [
        { char: '/', name: t('Blocks'), find: (query) => blockChoices(query, latest.current.choosePicture) },
        { char: '@', name: t('Members and records'), find: (query) => mentionChoices(model, object, id, query, true) },
        { char: '#', name: t('Records'), find: (query) => mentionChoices(model, object, id, query, false) },
      ]),
    ],
    content: readMarkdown(text) as object,
    editable: !readOnly,
    autofocus: autoFocus ? 'end' : false,
    immediatelyRender: true,
    shouldRerenderOnTransaction: false,
    editorProps: {
      attributes: {
        class: classes.text!,
        role: 'textbox',
        'aria-multiline': 'true',
        'aria-label': field.label,
        'data-takes-files': '',
        ...(readOnly ? { 'aria-readonly': 'true', tabindex: '0' } : {}),
      },
      transformPastedHTML: cleanPasted,
      // What is pasted as text is read as what one would have typed.
      clipboardTextParser: (pasted, context, _plain, view) =>
        _plain || context.parent.type.spec.code
          ? new Slice(
              view.state.schema.nodeFromJSON(readMarkdown(pasted.replace(/[\\`*_~[\]<#>|-]/g, '\\$&'))).content,
              1,
              1,
            )
          : Slice.maxOpen(view.state.schema.nodeFromJSON(readMarkdown(pasted)).content),
      handlePaste: (_view, event) => {
        const given = [...(event.clipboardData?.files ?? [])];
        // Office puts a picture of the text beside the text.
        const html = event.clipboardData?.getData('text/html') ?? '';
        if (html !== '' && !isPictureAlone(html)) return false;
        return takePictures(given);
      },
      handleDrop: (_view, event) => {
        const taken = takePictures([...(event.dataTransfer?.files ?? [])]);
        if (taken) event.preventDefault();
        return taken;
      },
      handleDOMEvents: { click: (_view, event) => follow(event) },
      handleKeyDown: (_view, event) => {
        if ((event.metaKey || event.ctrlKey) && event.key === 's') {
          event.preventDefault();
          void session.current?.save();
          return true;
        }
        return false;
      },
    },
    onUpdate: () => session.current?.changed(),
    onFocus: () => latest.current.onEditing?.(true),
    onBlur: () => {
      latest.current.onEditing?.(false);
      void session.current?.save();
    },
  });

  useEffect(() => {
    if (readOnly) return;
    const opened = new TextSession({ model, object, id, field, memberId }, first, {
      current: () => markdownOf(editor),
      show: (next) => show(editor, next),
      onState: setState,
      onClash: (count) => setClashes((now) => now + count),
    });
    session.current = opened;
    // What is shown may have been read some time ago.
    void opened.hear();
    return () => {
      opened.close();
      session.current = null;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- a text is one session, whatever version of the model it is drawn with.
  }, [editor, object.id, field.id, id, readOnly, memberId]);

  useEffect(() => {
    if (readOnly && markdownOf(editor) !== text) show(editor, text);
  }, [editor, readOnly, text]);

  useLiveObjects([object.id], (changes: RecordChange[]) => {
    const ours = changes.filter(
      (change) =>
        !change.isOwn &&
        (change.recordId === null || change.recordId === id) &&
        (change.fields === null || change.fields.includes(field.name)),
    );
    if (changes.length === 0 || ours.length > 0) void session.current?.hear();
  });

  if (readOnly) return <EditorContent editor={editor} className={classes.frame} />;
  return (
    <div className={classes.frame}>
      <FormatBar editor={editor} choosePicture={choosePicture}>
        <Saving state={state} />
      </FormatBar>
      {state.kind === 'refused' ? (
        <div className={classes.problem} role="alert">
          {t('Not saved: {reason}', { reason: state.reason })}{' '}
          <Button size="compact-xs" variant="subtle" color="red" onClick={() => void session.current?.save()}>
            {t('Try again')}
          </Button>
        </div>
      ) : null}
      {clashes > 0 ? (
        <div className={classes.notice} role="status">
          {t('Somebody else changed the same words. Both versions are in the text: keep what you want of them.')}{' '}
          <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setClashes(0)}>
            {t('Done')}
          </Button>
        </div>
      ) : null}
      <EditorContent editor={editor} />
      <UploadList uploads={uploads} onAgain={again} onDrop={drop} />
      <input
        ref={chooser}
        type="file"
        accept="image/*"
        multiple
        hidden
        aria-label={t('Pictures to upload')}
        onChange={(event) => {
          takePictures([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = '';
        }}
      />
      <ChoiceList store={store} editor={editor} />
    </div>
  );
}

function Saving({ state }: { state: SavingState }) {
  return (
    <span className={classes.state} role="status">
      {state.kind === 'saved' ? (
        <>
          <IconCheck size={14} aria-hidden /> {t('Saved')}
        </>
      ) : state.kind === 'writing' ? (
        <>
          <IconPencil size={14} aria-hidden /> {t('Writing…')}
        </>
      ) : state.kind === 'saving' ? (
        <>
          <IconPencil size={14} aria-hidden /> {t('Saving…')}
        </>
      ) : state.kind === 'waiting' ? (
        <>
          <IconCloudOff size={14} aria-hidden /> {t('Offline: kept on this device')}
        </>
      ) : (
        t('Not saved')
      )}
    </span>
  );
}
