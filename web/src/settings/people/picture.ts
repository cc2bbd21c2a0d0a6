import { t } from '../../language/t.ts';

const SIDE = 256;

/** The middle of a picture, small and square: what is stored is what is shown. */
export async function shrink(file: File): Promise<{ mediaType: string; contentBase64: string }> {
  const image = await createImageBitmap(file);
  const side = Math.min(image.width, image.height);
  const canvas = document.createElement('canvas');
  canvas.width = SIDE;
  canvas.height = SIDE;
  const context = canvas.getContext('2d');
  if (!context) throw new Error(t('This browser cannot draw pictures.'));
  context.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  image.close();
  const url = canvas.toDataURL('image/jpeg', 0.85);
  return { mediaType: 'image/jpeg', contentBase64: url.slice(url.indexOf(',') + 1) };
}
