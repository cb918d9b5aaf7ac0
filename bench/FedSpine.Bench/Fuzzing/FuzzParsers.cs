using System.Text;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Bench.Fuzzing;

/// <summary>Every parser of files that users bring. A new one is a line in <see cref="Create"/>.</summary>
internal sealed class FuzzParsers : IDisposable
{
    private static readonly string[] s_texts = ["", "a low newest é🚀 <s>", " a\n\tb  ##b [MASK] lower!!!!!! 3.14", new string('a', 300), "\0\u200d\u0301▁Ġ"];

    private readonly IComputeBackend _backend = HostBackend.Create(1);
    private readonly FuzzSeeds _seeds = new();

    public void Dispose() => _backend.Dispose();

    public IReadOnlyList<FuzzParser> Create() =>
    [
        new("safetensors", _seeds.Tensors(), ReadTensors),
        new("safetensors index", _seeds.Index(), file => Checkpoint.Open(Folder(file)).Dispose()),
        new("config.json", _seeds.Configs(), file => ModelConfigReader.Read(Folder(file))),
        new("model folder", _seeds.Models(), file => ModelFolder.Load(_backend, Folder(file), new LoadOptions { Adapter = File.Exists(Path.Combine(Folder(file), PeftAdapter.FileName)) ? Folder(file) : null }).Model.Dispose()),
        new("adapter_config.json", _seeds.AdapterConfigs(), file => PeftAdapter.Open(Folder(file), ModelConfigReader.Read(Folder(file)).Spec).Dispose()),
        new("tokenizer.json", _seeds.TokenizerJson(), Tokenize),
        new("vocab and merges", _seeds.Vocabularies(), Tokenize),
        new("SentencePiece", _seeds.SentencePiece(), Tokenize),
        new("GGUF", _seeds.Gguf(_backend), ReadGguf),
        new("TSV", _seeds.Table(".tsv"), ReadData(DataFormat.Tsv)),
        new("CSV", _seeds.Table(".csv"), ReadData(DataFormat.Csv)),
        new("JSONL", _seeds.Table(".jsonl"), ReadData(DataFormat.Jsonl)),
        new("label first", _seeds.Table(".all"), ReadData(DataFormat.LabelFirst)),
        new("text", _seeds.Table(".txt"), ReadData(DataFormat.Text)),
    ];

    private static string Folder(string file) => Path.GetDirectoryName(file)!;

    private static void ReadTensors(string path)
    {
        using var file = SafetensorsFile.Open(path);
        foreach (var tensor in file.Tensors.Values)
        {
            file.Bytes(tensor).IndexOf((byte)0x5A);
            if (tensor.Type is SafetensorsType.F32 or SafetensorsType.F16 or SafetensorsType.BF16)
                file.ReadFloats(tensor.Name);
        }
    }

    private static void Tokenize(string file) => Tokenize(TextTokenizer.Load(Folder(file)));

    private static void Tokenize(TextTokenizer tokenizer)
    {
        foreach (string text in s_texts)
        {
            int[] ids = tokenizer.Encode(text);
            if (Array.Exists(ids, id => id < 0 || id >= tokenizer.VocabularySize))
                throw new InvalidOperationException($"ids {string.Join(' ', ids)} of a vocabulary of {tokenizer.VocabularySize}");
            tokenizer.Decode(ids);
        }
    }

    private void ReadGguf(string path)
    {
        using (var file = GgufFile.Open(path))
        {
            var piece = new float[4096];
            foreach (var tensor in file.Tensors.Values)
            {
                for (long at = 0, length; at < tensor.Length; at += length)
                {
                    length = Math.Min(piece.Length, tensor.Length - at);
                    file.Read(tensor, at, piece.AsSpan(0, (int)length));
                }
            }
        }

        Tokenize(TextTokenizer.Load(path));
        GgufModel.Load(_backend, path).Model.Dispose();
    }

    private static Action<string> ReadData(DataFormat format) => path =>
    {
        int variant = (int)(new FileInfo(path).Length % 6);
        var options = new DataOptions
        {
            Format = format,
            Encoding = variant == 5 ? DataEncoding.Latin1 : DataEncoding.Utf8,
            Quoted = variant switch { 1 => true, 2 => false, _ => null },
            TextColumn = variant == 3 ? "0" : null,
        };
        var records = variant == 4 ? DataFile.ReadLabelled(path, options) : DataFile.Read(path, options);
        if (records.Count == 0 || records.Any(r => r.Text is null))
            throw new InvalidOperationException("no records, or one without text");
    };
}
