import { z } from 'zod';
import type { Problem } from '../../issues.ts';
import type { ContentPart, Message, ToolCall } from '../../request.ts';
import { uncarried } from '../uncarried.ts';

const LEAVE_OUT = 'cannot be carried to other models; leave it out';

const Image = z.string().regex(/^image\/[\w.+-]+$/, 'only images can be carried to other models');

/** What stands in a part besides its content is about media or thoughts, and bound to the model that made it. */
const ContentsPart = z
  .strictObject({
    text: z.string().optional(),
    inlineData: z.strictObject({ mimeType: Image, data: z.string(), displayName: z.string().optional() }).optional(),
    fileData: z
      .strictObject({
        mimeType: Image,
        fileUri: z.string().regex(/^https:\/\/(?!generativelanguage\.googleapis\.com\/)/, {
          message: 'use an https address that anybody may read',
        }),
        displayName: z.string().optional(),
      })
      .optional(),
    functionCall: z
      .strictObject({ id: z.string().optional(), name: z.string(), args: z.record(z.string(), z.json()).optional() })
      .optional(),
    functionResponse: z
      .strictObject({
        id: z.string().optional(),
        name: z.string(),
        response: z.record(z.string(), z.json()),
        parts: uncarried(LEAVE_OUT),
        scheduling: uncarried(LEAVE_OUT),
        willContinue: uncarried(LEAVE_OUT),
      })
      .optional(),
    thought: z.boolean().optional(),
    thoughtSignature: z.string().optional(),
    executableCode: uncarried(LEAVE_OUT),
    codeExecutionResult: uncarried(LEAVE_OUT),
    toolCall: uncarried(LEAVE_OUT),
    toolResponse: uncarried(LEAVE_OUT),
    videoMetadata: uncarried(LEAVE_OUT),
    mediaResolution: uncarried(LEAVE_OUT),
  })
  .refine(
    ({ text, inlineData, fileData, functionCall, functionResponse }) =>
      [text, inlineData, fileData, functionCall, functionResponse].filter((content) => content !== undefined).length ===
      1,
    'give one of text, inlineData, fileData, functionCall, functionResponse',
  );
type ContentsPart = z.infer<typeof ContentsPart>;

export const Contents = z
  .array(
    z.strictObject({
      /** `function` is the older name of the side that answers calls. */
      role: z.enum(['user', 'model', 'function']).optional(),
      parts: z.array(ContentsPart).min(1).max(1_000),
    }),
  )
  .min(1)
  .max(2_000);

export const Instruction = z.strictObject({
  role: z.string().optional(),
  parts: z.array(z.strictObject({ text: z.string() })).min(1),
});
export type Instruction = z.infer<typeof Instruction>;

/** The messages that the contents stand for, and what is wrong with how they follow each other. */
export function toMessages(contents: z.infer<typeof Contents>): { messages: Message[]; problems: Problem[] } {
  const reader = createReader();
  for (const [index, { role = 'user', parts }] of contents.entries()) {
    const said = parts.flatMap((part, place) => {
      // What was thought is no part of a conversation.
      return part.thought ? [] : [{ part, path: ['contents', index, 'parts', place] }];
    });
    if (role === 'model') reader.addAnswer(said);
    else reader.addTurn(said);
  }
  return reader;
}

type Said = { part: ContentsPart; path: (string | number)[] }[];

type Reader = { messages: Message[]; problems: Problem[]; addAnswer(said: Said): void; addTurn(said: Said): void };

function createReader(): Reader {
  const messages: Message[] = [];
  const problems: Problem[] = [];
  let unanswered: { id: string; name: string }[] = [];
  let calls = 0;

  return {
    messages,
    problems,
    addAnswer(said) {
      const content: ContentPart[] = [];
      const toolCalls: ToolCall[] = [];
      for (const { part, path } of said) {
        if (part.functionCall) {
          const { id = `call_${(calls += 1)}`, name, args = {} } = part.functionCall;
          toolCalls.push({ id, type: 'function', function: { name, arguments: JSON.stringify(args) } });
        } else if (part.functionResponse) {
          problems.push({ path: [...path, 'functionResponse'], message: 'not in a turn of the model' });
        } else {
          content.push(toContentPart(part));
        }
      }
      unanswered = [...unanswered, ...toolCalls.map((call) => ({ id: call.id, name: call.function.name }))];
      if (content.length + toolCalls.length === 0) return;
      messages.push({
        role: 'assistant',
        ...(content.length === 0 ? {} : { content: toContent(content) }),
        ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
      });
    },
    addTurn(said) {
      let content: ContentPart[] = [];
      const flush = (): void => {
        if (content.length > 0) messages.push({ role: 'user', content: toContent(content) });
        content = [];
      };
      for (const { part, path } of said) {
        if (part.functionResponse) {
          flush();
          const { id, name, response } = part.functionResponse;
          const call = unanswered.find((open) => open.id === id) ?? unanswered.find((open) => open.name === name);
          if (call === undefined) {
            problems.push({ path: [...path, 'functionResponse'], message: 'answers no functionCall before it' });
          } else {
            unanswered = unanswered.filter((open) => open !== call);
            messages.push({ role: 'tool', content: textOfResponse(response), tool_call_id: call.id });
          }
        } else if (part.functionCall) {
          problems.push({ path: [...path, 'functionCall'], message: 'only in a turn of the model' });
        } else {
          content.push(toContentPart(part));
        }
      }
      flush();
    },
  };
}

function toContentPart({ text, inlineData, fileData }: ContentsPart): ContentPart {
  if (inlineData) return image(`data:${inlineData.mimeType};base64,${inlineData.data}`);
  return fileData ? image(fileData.fileUri) : { type: 'text', text: text ?? '' };
}

function image(url: string): ContentPart {
  return { type: 'image_url', image_url: { url } };
}

function toContent(parts: ContentPart[]): string | ContentPart[] {
  const [first] = parts;
  return parts.length === 1 && first?.type === 'text' ? first.text : parts;
}

/** `output` is Google's name for a result as such. */
function textOfResponse(response: Record<string, unknown>): string {
  const { output, ...others } = response;
  return typeof output === 'string' && Object.keys(others).length === 0 ? output : JSON.stringify(response);
}
