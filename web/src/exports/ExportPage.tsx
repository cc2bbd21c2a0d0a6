import { Alert, Button, Group, Tabs } from '@mantine/core';
import { IconArrowLeft, IconPlayerPause, IconPlayerPlay, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { objectById } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import { announceDone, offerToTakeBack } from '../records/announce.tsx';
import { makeAct } from '../settings/act.ts';
import { ExportForm } from './ExportForm.tsx';
import { ExportState } from './ExportState.tsx';
import { destinationText, timesText } from './exportText.ts';
import { RunLog } from './RunLog.tsx';
import { deleteExport, pauseExport, restoreExport, runExport, type ScheduledExport } from './scheduled.ts';
import classes from './exports.module.css';
import { t } from '../language/t.ts';

interface ExportPageProps {
  item: ScheduledExport;
  again: () => void;
  onDone: () => void;
}

/** One export that comes again: what became of it, and how it is set. Of somebody else's one sees only the former. */
export function ExportPage({ item, again, onDone }: ExportPageProps) {
  const { id, name, isMine, isActive, stoppedReason } = item;
  const object = objectById(useModel(), item.objectId);
  const [tab, setTab] = useState<string | null>('runs');
  const [asked, setAsked] = useState(0);
  const act = makeAct(again);
  const remove = async () => {
    if (!(await act(t('“{name}” was not deleted', { name }), () => deleteExport(id)))) return;
    onDone();
    offerToTakeBack(t('The export “{name}” is deleted', { name }), async () => {
      await act(t('“{name}” was not brought back', { name }), () => restoreExport(id));
    });
  };
  const start = async () => {
    if (await act(t('“{name}” was not started', { name }), () => runExport(id))) setAsked((count) => count + 1);
  };
  return (
    <>
      <button type="button" className={classes.back} onClick={onDone}>
        <IconArrowLeft size={15} aria-hidden /> {t('All exports')}
      </button>
      <Group justify="space-between" mb={4} gap={8}>
        <Group gap={10}>
          <h2 className={classes.heading}>{name}</h2>
          <ExportState item={item} />
        </Group>
        <Group gap={6}>
          {isMine ? (
            <Button leftSection={<IconPlayerPlay size={14} />} onClick={() => void start()}>
              {t('Run now')}
            </Button>
          ) : null}
          {isActive || isMine ? (
            <Button
              variant="default"
              leftSection={isActive ? <IconPlayerPause size={14} /> : <IconPlayerPlay size={14} />}
              onClick={() => void act(t('“{name}” was not switched', { name }), () => pauseExport(id, isActive))}
            >
              {isActive ? t('Pause') : t('Resume')}
            </Button>
          ) : null}
          <Button variant="default" color="red" leftSection={<IconTrash size={14} />} onClick={() => void remove()}>
            {t('Delete')}
          </Button>
        </Group>
      </Group>
      <p className={classes.note}>
        {[object?.labelPlural, item.viewName, destinationText(item)].filter(Boolean).join(' · ')}
      </p>
      <p className={classes.note}>{timesText(item)}</p>
      {stoppedReason ? (
        <Alert color="red" role="alert" mt={14} title={t('It was stopped')}>
          {stoppedReason} {t('When that is mended, resume it.')}
        </Alert>
      ) : null}
      <Tabs value={tab} onChange={setTab} keepMounted={false} mt={16}>
        <Tabs.List mb={16}>
          <Tabs.Tab value="runs">{t('Runs')}</Tabs.Tab>
          {isMine && object ? <Tabs.Tab value="settings">{t('Settings')}</Tabs.Tab> : null}
        </Tabs.List>
        <Tabs.Panel value="runs">
          <RunLog exportId={id} latest={`${asked} ${item.lastRun?.id ?? ''}`} onEnded={again} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          {object ? (
            <ExportForm
              object={object}
              settings={item}
              exportId={id}
              hasSecret={item.hasSecret}
              recipientNames={item.recipientNames}
              onCancel={null}
              onSaved={() => {
                announceDone(t('Saved'));
                again();
              }}
            />
          ) : null}
        </Tabs.Panel>
      </Tabs>
    </>
  );
}
