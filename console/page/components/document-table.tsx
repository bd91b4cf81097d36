import { signal, useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import type { DocumentView, DocumentsView, Fault } from "../../api.ts";
import { faultOf, request } from "../client.ts";
import { count, number, oneLine } from "../format.ts";
import { loaded } from "../state/loaded.ts";
import { Dialog } from "./dialog.tsx";
import { Foreign } from "./foreign.tsx";
import { Icon } from "./icon.tsx";
import { FaultNotice } from "./notice.tsx";

const find = signal("");
const from = signal(0);
const page = loaded<DocumentsView>("/api/documents");

/** Fetches the list as it is looked at. */
export function reloadDocuments(): void {
  const query = new URLSearchParams({ find: find.value, from: String(from.value) });
  void page.load(`/api/documents?${query.toString()}`);
}

export function DocumentTable({ onErased }: { readonly onErased: () => void }): JSX.Element {
  const chosen = useSignal<DocumentView | null>(null);
  useSignalEffect(reloadDocuments);
  const { value, fault } = page;
  const documents = value.value?.documents ?? [];
  const matching = value.value?.matching ?? 0;
  const until = from.value + documents.length;
  return (
    <section class="documents" aria-labelledby="documents">
      <div class="section-head">
        <h2 id="documents">Documents</h2>
        <label class="find">
          <span class="for-readers">Find a document by its name</span>
          <input
            type="search"
            placeholder="Find by name"
            value={find.value}
            onInput={({ currentTarget }) => {
              from.value = 0;
              find.value = currentTarget.value;
            }}
          />
        </label>
      </div>
      {fault.value ? <FaultNotice fault={fault.value} /> : null}
      {documents.length === 0 ? (
        <p class="nothing">{find.value === "" ? "There are no documents yet." : "No document has that in its name."}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Document</th>
              <th scope="col" class="figure">
                Passages
              </th>
              <th scope="col">
                <span class="for-readers">Erase</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {documents.map((document) => (
              <tr key={document.key}>
                <td>
                  <Foreign class="document-title" text={document.title === "" ? document.name : document.title} />
                  {document.title === "" ? null : <Foreign class="document-name" text={document.name} />}
                </td>
                <td class="figure">{number(document.passages)}</td>
                <td class="figure">
                  <button
                    type="button"
                    class="quiet icon-only"
                    onClick={() => {
                      chosen.value = document;
                    }}
                  >
                    <Icon name="trash" />
                    <span class="for-readers">Erase {oneLine(document.name)}</span>
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {matching > documents.length ? (
        <nav class="pages" aria-label="Pages of documents">
          <button
            type="button"
            class="quiet"
            disabled={from.value === 0}
            onClick={() => {
              from.value = Math.max(0, from.value - 100);
            }}
          >
            <Icon name="left" /> Before
          </button>
          <span class="soft">
            {number(from.value + 1)} to {number(until)} of {number(matching)}
          </span>
          <button
            type="button"
            class="quiet"
            disabled={until >= matching}
            onClick={() => {
              from.value = until;
            }}
          >
            After <Icon name="right" />
          </button>
        </nav>
      ) : null}
      {chosen.value ? (
        <EraseDialog
          document={chosen.value}
          onErased={() => {
            reloadDocuments();
            onErased();
          }}
          onClose={() => {
            chosen.value = null;
          }}
        />
      ) : null}
    </section>
  );
}

interface EraseDialogProps {
  readonly document: DocumentView;
  readonly onErased: () => void;
  readonly onClose: () => void;
}

function EraseDialog({ document, onErased, onClose }: EraseDialogProps): JSX.Element {
  const fault = useSignal<Fault | null>(null);
  const erase = async (): Promise<void> => {
    try {
      await request("/api/documents/erase", { method: "POST", body: { keys: [document.key] } });
      onClose();
      onErased();
    } catch (error) {
      fault.value = faultOf(error);
    }
  };
  return (
    <Dialog title="Erase this document?" onClose={onClose}>
      <p>
        <strong>
          <Foreign text={document.title === "" ? document.name : document.title} />
        </strong>{" "}
        and its {count(document.passages, "passage")} are removed from this node’s store, and a node that is running
        stops serving them within a second. The file it was read from stays where it is; ingesting that again brings it
        back.
      </p>
      {fault.value ? <FaultNotice fault={fault.value} /> : null}
      <footer class="dialog-foot">
        <button type="button" class="quiet" onClick={onClose}>
          Keep it
        </button>
        <button type="button" class="danger" onClick={() => void erase()}>
          Erase
        </button>
      </footer>
    </Dialog>
  );
}
