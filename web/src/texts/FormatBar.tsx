import { ActionIcon, Button, Menu, Popover, TextInput, Tooltip } from '@mantine/core';
import {
  IconBold,
  IconChevronDown,
  IconCode,
  IconItalic,
  IconLink,
  IconList,
  IconListCheck,
  IconListNumbers,
  IconPhoto,
  IconQuote,
  IconStrikethrough,
  IconTable,
} from '@tabler/icons-react';
import type { Editor } from '@tiptap/core';
import { useEditorState } from '@tiptap/react';
import { useState, type ReactNode } from 'react';
import { COMMAND_KEY } from '../shortcuts/keys.ts';
import { isSafeAddress } from './addresses.ts';
import classes from './texts.module.css';
import { t } from '../language/t.ts';

const HEADINGS = [1, 2, 3] as const;

function Tool({
  label,
  keys,
  isOn,
  onClick,
  children,
}: {
  label: string;
  keys?: string;
  isOn?: boolean;
  onClick: () => void;
  children: ReactNode;
}) {
  return (
    <Tooltip label={keys ? `${label} (${keys})` : label} openDelay={400}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size={28}
        className={classes.tool}
        aria-label={label}
        {...(isOn === undefined ? {} : { 'aria-pressed': isOn })}
        onMouseDown={(event) => event.preventDefault()}
        onClick={onClick}
      >
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

/** Where a link leads: asked for and changed beside the button. */
function LinkTool({ editor, href, isOn }: { editor: Editor; href: string; isOn: boolean }) {
  const [isOpen, setIsOpen] = useState(false);
  const [address, setAddress] = useState('');
  const open = () => {
    setAddress(href);
    setIsOpen(true);
  };
  const wanted =
    /^(?:[a-z][a-z+.-]*:|\/)/i.test(address.trim()) || address.trim() === ''
      ? address.trim()
      : `https://${address.trim()}`;
  const isFine = wanted === '' || isSafeAddress(wanted);
  const set = () => {
    if (!isFine) return;
    setIsOpen(false);
    const chain = editor.chain().focus().extendMarkRange('link');
    if (wanted === '') chain.unsetLink().run();
    else if (editor.state.selection.empty && !isOn)
      chain.insertContent({ type: 'text', text: wanted, marks: [{ type: 'link', attrs: { href: wanted } }] }).run();
    else chain.setLink({ href: wanted }).run();
  };
  return (
    <Popover opened={isOpen} onChange={setIsOpen} position="bottom-start" trapFocus withinPortal withRoles={false}>
      <Popover.Target>
        <span>
          <Tool label={t('Link')} isOn={isOn} onClick={open}>
            <IconLink size={16} />
          </Tool>
        </span>
      </Popover.Target>
      <Popover.Dropdown>
        <form
          className={classes.link}
          onSubmit={(event) => {
            event.preventDefault();
            set();
          }}
        >
          <TextInput
            size="xs"
            w={230}
            aria-label={t('Address')}
            placeholder="https://…"
            value={address}
            error={isFine ? null : t('A web, mail or telephone address')}
            onChange={(event) => setAddress(event.currentTarget.value)}
          />
          <Button type="submit" size="xs">
            {t('Set')}
          </Button>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}

export function FormatBar({
  editor,
  choosePicture,
  children,
}: {
  editor: Editor;
  choosePicture: (() => void) | undefined;
  children: ReactNode;
}) {
  const state = useEditorState({
    editor,
    selector: ({ editor: now }) => ({
      bold: now.isActive('bold'),
      italic: now.isActive('italic'),
      strike: now.isActive('strike'),
      code: now.isActive('code'),
      link: now.isActive('link'),
      href: String(now.getAttributes('link')['href'] ?? ''),
      bullets: now.isActive('bulletList'),
      numbers: now.isActive('orderedList'),
      tasks: now.isActive('taskList'),
      quote: now.isActive('blockquote'),
      table: now.isActive('table'),
      level: HEADINGS.find((level) => now.isActive('heading', { level })) ?? 0,
    }),
  });
  const chain = () => editor.chain().focus();
  return (
    <div className={classes.bar} role="toolbar" aria-label={t('Formatting')}>
      <Menu position="bottom-start" returnFocus={false}>
        <Menu.Target>
          <Button
            variant="subtle"
            color="gray"
            size="compact-sm"
            className={classes.tool}
            rightSection={<IconChevronDown size={13} aria-hidden />}
          >
            {state.level === 0 ? t('Text') : t('Heading {level}', { level: state.level })}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => chain().setParagraph().run()}>{t('Text')}</Menu.Item>
          {HEADINGS.map((level) => (
            <Menu.Item key={level} onClick={() => chain().setHeading({ level }).run()}>
              {t('Heading {level}', { level })}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <span className={classes.gap} />
      <Tool label={t('Bold')} keys={`${COMMAND_KEY} B`} isOn={state.bold} onClick={() => chain().toggleBold().run()}>
        <IconBold size={16} />
      </Tool>
      <Tool
        label={t('Italic')}
        keys={`${COMMAND_KEY} I`}
        isOn={state.italic}
        onClick={() => chain().toggleItalic().run()}
      >
        <IconItalic size={16} />
      </Tool>
      <Tool label={t('Strikethrough')} isOn={state.strike} onClick={() => chain().toggleStrike().run()}>
        <IconStrikethrough size={16} />
      </Tool>
      <Tool label={t('Code')} keys={`${COMMAND_KEY} E`} isOn={state.code} onClick={() => chain().toggleCode().run()}>
        <IconCode size={16} />
      </Tool>
      <LinkTool editor={editor} href={state.href} isOn={state.link} />
      <span className={classes.gap} />
      <Tool label={t('Bulleted list')} isOn={state.bullets} onClick={() => chain().toggleBulletList().run()}>
        <IconList size={16} />
      </Tool>
      <Tool label={t('Numbered list')} isOn={state.numbers} onClick={() => chain().toggleOrderedList().run()}>
        <IconListNumbers size={16} />
      </Tool>
      <Tool label={t('Checklist')} isOn={state.tasks} onClick={() => chain().toggleTaskList().run()}>
        <IconListCheck size={16} />
      </Tool>
      <Tool label={t('Quote')} isOn={state.quote} onClick={() => chain().toggleBlockquote().run()}>
        <IconQuote size={16} />
      </Tool>
      {state.table ? (
        <Menu position="bottom-start" returnFocus={false}>
          <Menu.Target>
            <Button
              variant="subtle"
              color="gray"
              size="compact-sm"
              className={classes.tool}
              leftSection={<IconTable size={16} />}
            >
              {t('Table')}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => chain().addRowAfter().run()}>{t('Row below')}</Menu.Item>
            <Menu.Item onClick={() => chain().addColumnAfter().run()}>{t('Column to the right')}</Menu.Item>
            <Menu.Item onClick={() => chain().deleteRow().run()}>{t('Delete row')}</Menu.Item>
            <Menu.Item onClick={() => chain().deleteColumn().run()}>{t('Delete column')}</Menu.Item>
            <Menu.Item color="red" onClick={() => chain().deleteTable().run()}>
              {t('Delete table')}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      ) : (
        <Tool label={t('Table')} onClick={() => chain().insertTable({ rows: 3, cols: 3, withHeaderRow: true }).run()}>
          <IconTable size={16} />
        </Tool>
      )}
      {choosePicture ? (
        <Tool label={t('Picture')} onClick={choosePicture}>
          <IconPhoto size={16} />
        </Tool>
      ) : null}
      {children}
    </div>
  );
}
