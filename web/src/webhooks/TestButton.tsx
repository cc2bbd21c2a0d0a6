import { Button } from '@mantine/core';
import { useState } from 'react';
import { announceDone, announceFailure } from '../records/announce.tsx';
import { askDeliveries, testWebhook } from './webhooks.ts';
import { t } from '../language/t.ts';

const LOOK_EVERY_MS = 500;
const LONGEST_MS = 20_000;

/** Sends a test and says what was answered. */
export function TestButton({ webhookId, onTested }: { webhookId: string; onTested: () => void }) {
  const [busy, setBusy] = useState(false);
  const test = async () => {
    setBusy(true);
    try {
      const id = await testWebhook(webhookId);
      for (let waited = 0; waited < LONGEST_MS; waited += LOOK_EVERY_MS) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
        const delivery = (await askDeliveries(webhookId, null, null)).find((each) => each.id === id);
        if (delivery === undefined || delivery.state === 'PENDING') continue;
        if (delivery.state === 'DELIVERED')
          announceDone(
            t('The receiver answered {status} in {durationMs} ms', {
              status: delivery.status,
              durationMs: delivery.durationMs,
            }),
          );
        else announceFailure(t('The test failed'), new Error(delivery.error ?? t('No answer.')));
        return;
      }
      announceFailure(t('The test was not sent yet'), new Error(t('Is a worker running? The log will show it.')));
    } catch (cause) {
      announceFailure(t('The test was not sent'), cause);
    } finally {
      setBusy(false);
      onTested();
    }
  };
  return (
    <Button variant="default" loading={busy} onClick={() => void test()}>
      {t('Send a test')}
    </Button>
  );
}
