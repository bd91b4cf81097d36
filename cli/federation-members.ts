import { Command, InvalidArgumentError, Option } from "commander";
import { fchmodSync, fstatSync } from "node:fs";
import { Fault } from "../crypto/index.ts";
import { type Role, roleNames } from "../protocol/index.ts";
import { FEDERATION_FILE, FounderFolder, addCoordinatorUrl, parsePublicKey } from "./founder-folder.ts";
import { isListening } from "./listening.ts";
import { makeInvitation } from "./make-invitation.ts";
import { dirOption, memberNameArgument } from "./options.ts";

function parseRoles(text: string): Role[] {
  const roles = text.split(",").map((role) => role.trim());
  const unknown = roles.find((role) => !(roleNames as readonly string[]).includes(role));
  if (unknown !== undefined)
    throw new Fault(
      "ROLE_UNKNOWN",
      `"${unknown}" is not a role; roles are ${roleNames.join(", ")}, several joined by commas`,
    );
  return roles as Role[];
}

const TAKEN_UP =
  "A coordinator that runs takes the file up within a second of `sotto federation join` in its folder; members that are connected, or connect later, get it from there.\n";

export function addCommand(): Command {
  return new Command("add")
    .description("add a member, or change its key and roles, and sign the change")
    .argument("<name>", "the member's name, as it was given to sotto init")
    .requiredOption("--key <key>", "the member's public key, as sotto init printed it", parsePublicKey)
    .requiredOption("--role <roles>", `${roleNames.join(", ")}; several joined by commas`)
    .addOption(dirOption())
    .action((name: string, { key, role, dir }: { key: string; role: string; dir: string }) => {
      const founder = new FounderFolder(dir);
      const { terms, invitations } = founder.log.state;
      const twin = terms.members.find((member) => member.publicKey === key && member.name !== name);
      if (twin) throw new Fault("KEY_TAKEN", `that is the key of "${twin.name}"; every member has its own`);
      const had = terms.members.find((member) => member.name === name);
      const roles = parseRoles(role);
      const added = { type: "member-added" as const, name, roles, publicKey: key };
      const removed = { type: "member-removed" as const, name };
      if (had?.publicKey === key) founder.change({ type: "roles-changed", name, roles });
      else founder.change(...(had || invitations.has(name) ? [removed, added] : [added]));
      const { revision, rootPublicKey } = founder.log.state.terms;
      process.stdout.write(
        `${name} is a member (${role})${had && had.publicKey !== key ? ", its key was changed" : ""}; the file is at revision ${String(revision)}.\nWhen all are added, send ${founder.file} to every new member, tell them the root key another way, and have them run:\n\n  sotto federation join ${FEDERATION_FILE} --root ${rootPublicKey} --dir THEIR-NODE\n\n${TAKEN_UP}`,
      );
    });
}

export function removeCommand(): Command {
  return new Command("remove")
    .description("remove a member, and sign the change")
    .argument("<name>", "the member's name")
    .addOption(dirOption())
    .action((name: string, { dir }: { dir: string }) => {
      const founder = new FounderFolder(dir);
      const { terms, invitations } = founder.log.state;
      if (!invitations.has(name) && !terms.members.some((member) => member.name === name))
        throw new Fault(
          "MEMBER_UNKNOWN",
          `"${name}" is no member of "${terms.name}"; \`sotto federation show\` lists them`,
        );
      founder.change({ type: "member-removed", name });
      process.stdout.write(`${name} is a member no more; ${publish(founder)}`);
    });
}

export function coordinatorsCommand(): Command {
  return new Command("coordinators")
    .description("say anew where members reach the coordinators, and sign the change")
    .argument("<urls...>", "all of them, in the order in which queriers try them", addCoordinatorUrl)
    .addOption(dirOption())
    .action((coordinatorUrls: string[], { dir }: { dir: string }) => {
      const founder = new FounderFolder(dir);
      founder.change({ type: "coordinators-moved", coordinatorUrls });
      process.stdout.write(
        `Coordinators are at ${coordinatorUrls.join(", ")}; ${publish(founder)}A node that runs goes on with the addresses it was started with: start it again.\n`,
      );
    });
}

const UNIT_MS = { h: 3_600_000, d: 86_400_000 } as const;

function parseDuration(text: string): number {
  const [, count = "", unit] = /^([1-9]\d{0,3})([hd])$/.exec(text) ?? [];
  const ms = Number(count) * UNIT_MS[unit as "h" | "d"];
  if (!(ms <= 366 * UNIT_MS.d)) throw new InvalidArgumentError("expected hours or days, at most a year: 12h, 7d");
  return ms;
}

export function inviteCommand(): Command {
  return new Command("invite")
    .description("make an invitation by which somebody becomes a member, once, without sending keys around")
    .requiredOption("--name <name>", "what the member will be called", memberNameArgument)
    .requiredOption(
      "--role <roles>",
      `${roleNames.join(", ")}; several joined by commas, or given again`,
      (text, before?: string) => (before === undefined ? text : `${before},${text}`),
    )
    .addOption(
      new Option("--expires <time>", "how long it can be used: 12h, 7d")
        .argParser(parseDuration)
        .default(7 * UNIT_MS.d, "7d"),
    )
    .addOption(dirOption())
    .action(async ({ name, role, expires: ms, dir }: { name: string; role: string; expires: number; dir: string }) => {
      const founder = new FounderFolder(dir);
      const { line, expires } = makeInvitation(founder, { name, roles: [...new Set(parseRoles(role))], ms });
      keepToOwner(1);
      process.stdout.write(`${line}\n`);
      process.stderr.write(
        `Send this line to ${name} alone, over a channel you trust: whoever has it can become ${name} (${role}), once, until ${expires}. It is not kept here. They run:\n\n  sotto federation join - --dir THEIR-NODE      and paste it, or name its file in place of -\n\nBefore that: ${publish(founder)}${await coordinatorAdvice(founder)}`,
      );
    })
    .addHelpText("after", "\nWhere the line goes to a file, that is for its owner alone (mode 0600).");
}

/** A secret that the shell sends to a file is not for others: the file has the mode of the shell's umask until here. */
function keepToOwner(file: number): void {
  if (!fstatSync(file).isFile()) return;
  try {
    fchmodSync(file, 0o600);
  } catch {
    // Another user's shell has made it.
    process.stderr.write(
      "note: the file that this goes to keeps its mode; see that others cannot read it (chmod 600)\n",
    );
  }
}

/** What to see to where no coordinator answers; empty where one does. */
async function coordinatorAdvice({ log }: FounderFolder): Promise<string> {
  const { coordinatorUrls } = log.state.terms;
  const answers = await Promise.all(coordinatorUrls.map(isListening));
  return answers.includes(true)
    ? ""
    : `\nNo coordinator can be reached from here at ${coordinatorUrls.join(", ")}: nobody can join before \`sotto coordinator\` runs there.\n`;
}

export function revokeInvitationCommand(): Command {
  return new Command("revoke-invitation")
    .description("withdraw an invitation; whoever has joined by it is no member any more")
    .argument("<name>", "the name that was invited")
    .addOption(dirOption())
    .action((name: string, { dir }: { dir: string }) => {
      const founder = new FounderFolder(dir);
      if (!founder.wasInvited(name))
        throw new Fault(
          "INVITATION_UNKNOWN",
          `"${name}" has no invitation; \`sotto federation log\` shows those that were made`,
        );
      founder.change({ type: "invitation-withdrawn", name });
      process.stdout.write(`The invitation of ${name} is withdrawn; ${publish(founder)}`);
    });
}

/** What makes a change hold everywhere. */
function publish({ log }: FounderFolder): string {
  const { revision, rootPublicKey } = log.state.terms;
  return `the file is at revision ${String(revision)}. Have the coordinator's node join with it:\n\n  sotto federation join ${FEDERATION_FILE} --root ${rootPublicKey} --dir COORDINATOR\n\n${TAKEN_UP}`;
}
