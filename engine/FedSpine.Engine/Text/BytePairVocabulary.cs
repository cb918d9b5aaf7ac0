using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Text;

/// <summary>A trained byte-level BPE vocabulary: tokens in id order, special ones first as in RoBERTa, and merges, best first.</summary>
public sealed record BytePairVocabulary(IReadOnlyList<string> Tokens, IReadOnlyList<string> Merges)
{
    /// <summary>Ids 0 to 4.</summary>
    public static readonly string[] SpecialTokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

    /// <summary>
    /// Writes vocab.json, merges.txt, tokenizer_config.json and special_tokens_map.json, which <see cref="TextTokenizer.Load"/> and
    /// Hugging Face's RobertaTokenizer read.
    /// </summary>
    /// <exception cref="FedSpineException">The folder cannot be written.</exception>
    public void Save(string folder)
    {
        using var target = new AtomicFolder(folder);
        Save(target);
        target.Commit();
    }

    private void Save(AtomicFolder folder)
    {
        WriteJson(folder, "vocab.json", json =>
        {
            for (int id = 0; id < Tokens.Count; id++)
                json.WriteNumber(Tokens[id], id);
        });
        folder.Write("merges.txt", stream => stream.Write(Encoding.UTF8.GetBytes("#version: 0.2\n" + string.Concat(Merges.Select(merge => merge + "\n")))));
        WriteJson(folder, "tokenizer_config.json", json =>
        {
            json.WriteString("tokenizer_class", "RobertaTokenizer");
            json.WriteBoolean("add_prefix_space", false);
            WriteSpecialTokens(json);
        });
        WriteJson(folder, "special_tokens_map.json", WriteSpecialTokens);
    }

    private static void WriteSpecialTokens(Utf8JsonWriter json)
    {
        json.WriteString("bos_token", "<s>");
        json.WriteString("cls_token", "<s>");
        json.WriteString("eos_token", "</s>");
        json.WriteString("sep_token", "</s>");
        json.WriteString("pad_token", "<pad>");
        json.WriteString("unk_token", "<unk>");
        json.WriteString("mask_token", "<mask>");
    }

    private static void WriteJson(AtomicFolder folder, string name, Action<Utf8JsonWriter> write) => folder.Write(name, stream =>
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
    });
}
