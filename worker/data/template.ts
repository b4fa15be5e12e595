/** A base's chat template, rendered as transformers' `apply_chat_template` does. */
export interface ChatTemplate {
  readonly source: string;
  /** The text, and the character spans inside `{% generation %}` marks (empty when the template has none). */
  render(input: TemplateInput): Rendered;
  readonly hasGenerationMarks: boolean;
}

export interface TemplateInput {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly unknown[] | undefined;
  readonly addGenerationPrompt: boolean;
  /** `YYYY-MM-DD`, what `strftime_now` returns. */
  readonly date: string;
}

export interface ChatMessage {
  readonly role: string;
  readonly content: string | null;
  readonly [key: string]: unknown;
}

export interface Rendered {
  readonly text: string;
  readonly generated: readonly (readonly [number, number])[];
}
