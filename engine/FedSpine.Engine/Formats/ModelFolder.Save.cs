using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats;

public static partial class ModelFolder
{
    /// <summary>What tokenizers of the supported families are made of.</summary>
    internal static readonly string[] TokenizerFiles =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
        "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "chat_template.jinja",
    ];

    /// <summary>Writes config.json and model.safetensors; both appear, or none does.</summary>
    /// <param name="type">F32, F16 or BF16.</param>
    /// <param name="mergeAdapter">True: the weights hold W + s B A. False: the base alone; save the adapter with <see cref="PeftAdapter"/>.</param>
    /// <param name="tokenizerFrom">A folder whose tokenizer files go along, or a GGUF file whose tokenizer does; null: none.</param>
    /// <exception cref="FedSpineException">The disk is full or not writable, or a weight is not finite in <paramref name="type"/>.</exception>
    public static void Save(Model model, string folder, SafetensorsType type = SafetensorsType.F32, bool mergeAdapter = true, string? tokenizerFrom = null)
    {
        using var files = new AtomicFolder(folder);
        Save(model, files, type, mergeAdapter, tokenizerFrom);
    }

    internal static void Save(Model model, AtomicFolder files, SafetensorsType type, bool mergeAdapter, string? tokenizerFrom)
    {
        files.Write(ModelConfig.FileName, stream => ModelConfigWriter.Write(stream, model, type));
        files.Write(Checkpoint.FileName, stream => SafetensorsWriter.Write(stream, Sources(model, mergeAdapter), type));
        if (tokenizerFrom is not null)
            CopyTokenizerFiles(tokenizerFrom, files);
        files.Commit();
    }

    /// <summary>Copies the tokenizer files that <paramref name="from"/> has, or writes those of its tokenizer where it is a GGUF file.</summary>
    /// <exception cref="FedSpineException">A file cannot be read or written.</exception>
    public static void CopyTokenizerFiles(string from, string to)
    {
        using var files = new AtomicFolder(to);
        CopyTokenizerFiles(from, files);
        files.Commit();
    }

    private static void CopyTokenizerFiles(string from, AtomicFolder to)
    {
        if (GgufFile.Is(from))
        {
            GgufTokenizerFiles.Write(from, to);
            return;
        }

        foreach (string name in TokenizerFiles.Where(n => File.Exists(Path.Combine(from, n))))
        {
            to.Write(name, stream =>
            {
                using var source = File.OpenRead(Path.Combine(from, name));
                source.CopyTo(stream);
            });
        }
    }

    internal static IEnumerable<TensorSource> Sources(Model model, bool mergeAdapter)
    {
        var adapted = new Dictionary<string, Linear>(StringComparer.Ordinal);
        if (mergeAdapter)
        {
            foreach (var linear in model.Layers.SelectMany(l => l.Linears).Where(l => l.A is not null))
                adapted.Add(linear.Weight.Name, linear);
        }

        foreach (var parameter in model.Parameters.Where(p => !p.Name.Contains(".lora_", StringComparison.Ordinal)))
            yield return adapted.TryGetValue(parameter.Name, out var linear) ? Merged(model, linear) : parameter.Source(model.Backend, parameter.Name);
    }

    /// <summary>W + s B A, formed row by row in float64.</summary>
    private static TensorSource Merged(Model model, Linear linear)
    {
        float[]? a = null, b = null; // (rank, In), (Out, rank)
        var sum = new double[linear.In];
        return new TensorSource(linear.Weight.Name, [linear.Out, linear.In], (start, rows, destination) =>
        {
            linear.Weight.Read(model.Backend, start, destination[..(rows * linear.In)]);
            a ??= linear.A!.Download(model.Backend);
            b ??= linear.B!.Download(model.Backend);
            for (int i = 0; i < rows; i++)
            {
                Array.Clear(sum);
                for (int k = 0; k < linear.Rank; k++)
                {
                    double factor = (double)linear.Scale * b[(start + i) * linear.Rank + k];
                    var row = a.AsSpan(k * linear.In, linear.In);
                    for (int j = 0; j < row.Length; j++)
                        sum[j] += factor * row[j];
                }

                var merged = destination.Slice(i * linear.In, linear.In);
                for (int j = 0; j < merged.Length; j++)
                    merged[j] = (float)(merged[j] + sum[j]);
            }
        });
    }
}
