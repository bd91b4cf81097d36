import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Icon } from "./icon.tsx";

export interface DialogProps {
  readonly title: ComponentChildren;
  readonly children: ComponentChildren;
  readonly onClose: () => void;
  readonly class?: string;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
}

/** A modal dialog of the browser's own: it keeps the focus, closes on Escape and beside it, and gives the focus back. */
export function Dialog({ title, children, onClose, onKeyDown, class: more = "" }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    dialog.current?.showModal();
    return () => dialog.current?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${more}`}
      aria-labelledby={id}
      onClose={onClose}
      onKeyDown={onKeyDown}
      onClick={({ target, currentTarget }) => {
        if (target === currentTarget) currentTarget.close();
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <button type="button" class="quiet icon-only" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
            <span class="for-readers">Close</span>
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
