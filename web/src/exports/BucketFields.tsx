import { Checkbox, PasswordInput, SimpleGrid, Stack, TextInput } from '@mantine/core';
import type { Bucket } from './scheduled.ts';
import { t } from '../language/t.ts';

export const NO_BUCKET: Bucket = {
  endpoint: '',
  region: 'us-east-1',
  bucket: '',
  prefix: '',
  keyId: '',
  isPathStyle: false,
};

interface BucketFieldsProps {
  bucket: Bucket;
  change: (part: Partial<Bucket>) => void;
  secret: string;
  setSecret: (secret: string) => void;
  /** Whether one is kept already. */
  hasSecret: boolean;
  problemAt: (field: string) => string | null;
}

/** Where a bucket is and what opens it. */
export function BucketFields({ bucket, change, secret, setSecret, hasSecret, problemAt }: BucketFieldsProps) {
  return (
    <Stack gap="sm">
      <TextInput
        label={t('Address of the storage')}
        placeholder="https://s3.eu-central-1.amazonaws.com"
        value={bucket.endpoint}
        required
        error={problemAt('endpoint')}
        onChange={(event) => change({ endpoint: event.currentTarget.value.trim() })}
      />
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm" verticalSpacing="sm">
        <TextInput
          label={t('Bucket')}
          value={bucket.bucket}
          required
          error={problemAt('bucket')}
          onChange={(event) => change({ bucket: event.currentTarget.value.trim() })}
        />
        <TextInput
          label={t('Region')}
          value={bucket.region}
          required
          error={problemAt('region')}
          onChange={(event) => change({ region: event.currentTarget.value.trim() })}
        />
        <TextInput
          label={t('Folder')}
          value={bucket.prefix ?? ''}
          error={problemAt('prefix')}
          onChange={(event) => change({ prefix: event.currentTarget.value.trim() })}
        />
        <TextInput
          label={t('Id of the access key')}
          value={bucket.keyId}
          required
          autoComplete="off"
          error={problemAt('keyId')}
          onChange={(event) => change({ keyId: event.currentTarget.value.trim() })}
        />
      </SimpleGrid>
      <PasswordInput
        label={t('Secret of the access key')}
        placeholder={hasSecret ? t('Kept. Write another to replace it.') : ''}
        value={secret}
        required={!hasSecret}
        autoComplete="new-password"
        error={problemAt('secret')}
        onChange={(event) => setSecret(event.currentTarget.value.trim())}
      />
      <Checkbox
        label={t('The bucket stands in the path, as with MinIO')}
        checked={bucket.isPathStyle ?? false}
        onChange={(event) => change({ isPathStyle: event.currentTarget.checked })}
      />
    </Stack>
  );
}
