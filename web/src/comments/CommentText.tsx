import { commentParts } from './commentParts.ts';
import classes from './comments.module.css';
import { t } from '../language/t.ts';

/** What was said. React draws each part as text, so nothing in it is markup. */
export function CommentText({ body, names }: { body: string; names: { [id: string]: string } }) {
  return (
    <div className={classes.body}>
      {commentParts(body).map((part, i) => {
        switch (part.kind) {
          case 'mention':
            return (
              <span key={i} className={classes.mention}>
                @{names[part.id] ?? t('somebody')}
              </span>
            );
          case 'link':
            return (
              <a
                key={i}
                href={part.url}
                data-plain={part.url.endsWith(part.text) || undefined}
                target="_blank"
                rel="noopener noreferrer nofollow"
              >
                {part.text}
              </a>
            );
          case 'bold':
            return <strong key={i}>{part.text}</strong>;
          case 'code':
            return <code key={i}>{part.text}</code>;
          default:
            return <span key={i}>{part.text}</span>;
        }
      })}
    </div>
  );
}
