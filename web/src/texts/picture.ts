import type { NodeViewRenderer } from '@tiptap/core';
import { askLinks } from '../files/files.ts';
import { fileIdOf } from './addresses.ts';
import classes from './texts.module.css';
import { t } from '../language/t.ts';

/** A picture that is kept here is shown by a link that its reader may follow. One that is elsewhere is named only: to load it would tell its owner who reads. */
export const drawPicture: NodeViewRenderer = ({ node }) => {
  const [source, words] = [String(node.attrs['src'] ?? ''), String(node.attrs['alt'] ?? '')];
  const dom = document.createElement('span');
  dom.className = classes.picture!;
  const id = fileIdOf(source);
  if (id === null) {
    const link = document.createElement('a');
    // What is written as the address of a picture may be a script's.
    if (/^https?:/i.test(source)) link.href = source;
    link.target = '_blank';
    // no text
    link.rel = 'noopener noreferrer nofollow';
    link.textContent = t('Picture: {name}', { name: words || source });
    dom.append(link);
    return { dom };
  }
  const image = document.createElement('img');
  image.alt = words;
  image.dataset['file'] = id;
  dom.append(image);
  askLinks([id])
    .then((links) => {
      const link = links.get(id);
      if (link) image.src = link.url;
      else
        dom.replaceChildren(
          words
            ? t('Picture that is not there or not for you to see: {words}', { words })
            : t('Picture that is not there or not for you to see'),
        );
    })
    .catch(() => dom.replaceChildren(words || t('Picture')));
  return { dom };
};
