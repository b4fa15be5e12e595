import { z } from 'zod';
import { flag } from './command.js';

/** Arguments of every command that asks a model something; spread them into its `args`. */
export const modelArguments = {
  base: flag(z.string().min(1), 'BASE', 'folder, .gguf file, hf://owner/name or s3://bucket/prefix'),
  adapter: flag(z.string().min(1).optional(), 'DIR', 'adapter folder, made by Espalier or by PEFT'),
  prompt: flag(z.string().min(1), 'TEXT', 'what is asked'),
  templateDate: flag(
    z
      .string()
      .regex(/^\d{4}-\d{2}-\d{2}$/)
      .default('2026-01-01'),
    'DATE',
    "today's date for chat templates that print one",
  ),
};
