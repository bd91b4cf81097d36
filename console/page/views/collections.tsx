import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { CollectionsView as Collections, Protection } from "../../api.ts";
import { DocumentTable, reloadDocuments } from "../components/document-table.tsx";
import { DropZone } from "../components/drop-zone.tsx";
import { FigureTile } from "../components/figure-tile.tsx";
import { Foreign } from "../components/foreign.tsx";
import { Heading } from "../components/heading.tsx";
import { FaultNotice, Notice } from "../components/notice.tsx";
import { PartyName } from "../components/party-name.tsx";
import { number } from "../format.ts";
import { loaded } from "../state/loaded.ts";

const collections = loaded<Collections>("/api/collections");

const MODES: Readonly<Record<Protection, { readonly value: string; readonly beside: string }>> = {
  private: { value: "Private", beside: "questions reach it encrypted" },
  vertical: { value: "Vertical", beside: "its scores are added to others’" },
  clear: { value: "In clear", beside: "questions reach it readable" },
};

export function CollectionsView(): JSX.Element {
  useEffect(() => void collections.load(), []);
  const { value, fault } = collections;
  const own = value.value?.own;
  return (
    <>
      <Heading title="Collections" />
      {fault.value ? <FaultNotice fault={fault.value} /> : null}
      {own ? (
        <>
          <dl class="tiles">
            <FigureTile label="Documents" value={number(own.documents)} />
            <FigureTile label="Passages" value={number(own.passages)} beside="sealed on this node’s disk" />
            <FigureTile label="Mode" {...MODES[own.mode]} />
          </dl>
          {own.takesDrops ? (
            <DropZone
              own={own}
              onDone={() => {
                reloadDocuments();
                void collections.load();
              }}
            />
          ) : (
            <Notice kind="calm" icon="file">
              In a vertical federation documents follow an alignment: add them with{" "}
              <code>sotto ingest --alignment</code>.
            </Notice>
          )}
          <DocumentTable onErased={() => void collections.load()} />
        </>
      ) : null}
      {own === null ? (
        <Notice kind="calm" icon="collections">
          This node is no party of the federation: it asks, and holds no documents that others could find.
        </Notice>
      ) : null}
      <Hosted hosted={value.value?.hosted ?? []} />
    </>
  );
}

function Hosted({ hosted }: { readonly hosted: Collections["hosted"] }): JSX.Element | null {
  if (hosted.length === 0) return null;
  return (
    <section aria-labelledby="hosted">
      <h2 id="hosted">Kept by others</h2>
      <p class="soft">
        Sealed collections at a host that this node has the keys to. They are asked with every question.
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Collection</th>
            <th scope="col">Owner</th>
            <th scope="col">Host</th>
            <th scope="col">Mode</th>
          </tr>
        </thead>
        <tbody>
          {hosted.map(({ name, owner, host, mode }) => (
            <tr key={name}>
              <td>
                <Foreign text={name} />
              </td>
              <td>
                <PartyName name={owner} />
              </td>
              <td>
                <PartyName name={host} />
              </td>
              <td>{mode}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
