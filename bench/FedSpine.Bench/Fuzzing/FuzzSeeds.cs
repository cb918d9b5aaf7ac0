using System.Text;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Models;
using FedSpine.Kernels;

namespace FedSpine.Bench.Fuzzing;

/// <summary>
/// Valid files to damage: the project's reference models and sample, some written here, and real ones from the shared folder where
/// it is present. Large ones are left out: a case should take a millisecond.
/// </summary>
internal sealed class FuzzSeeds
{
    private const int LargestData = 6000;

    private const string Bpe = """
        { "added_tokens": [{ "id": 6, "content": "</s>", "special": true }, { "id": 7, "content": "<t>", "special": false, "lstrip": true, "rstrip": false, "normalized": true, "single_word": true }],
          "normalizer": { "type": "NFC" },
          "pre_tokenizer": { "type": "Sequence", "pretokenizers": [{ "type": "ByteLevel", "add_prefix_space": false, "use_regex": true }] },
          "model": { "type": "BPE", "ignore_merges": true, "vocab": { "a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4, "bc": 5 }, "merges": ["a b", "ab c", "b c"] } }
        """;

    private const string Converted = """
        { "added_tokens": [{ "id": 0, "content": "<unk>", "special": true }, { "id": 5, "content": "<t>", "special": false }],
          "pre_tokenizer": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false },
          "model": { "type": "BPE", "unk_token": "<unk>", "byte_fallback": false, "vocab": { "<unk>": 0, "▁": 1, "a": 2, "▁a": 3, "aa": 4 }, "merges": [["▁", "a"], ["a", "a"]] } }
        """;

    private const string WordPiece = """
        { "normalizer": { "type": "BertNormalizer", "lowercase": true, "strip_accents": null, "clean_text": true, "handle_chinese_chars": true },
          "added_tokens": [{ "id": 5, "content": "[X]", "special": false, "normalized": true }],
          "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "vocab": { "[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "##b": 4 } } }
        """;

    private const string Pruned = """
        { "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 97, "max_position_embeddings": 64,
          "rope_theta": 10000.0, "rope_scaling": { "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 64 },
          "fedspine": { "version": 1, "num_attention_heads": [2, 2], "num_key_value_heads": [1, 1], "head_dim": [8, 8], "intermediate_size": [4, 4],
            "base": { "num_attention_heads": [4, 4], "num_key_value_heads": [2, 2], "head_dim": [8, 8], "intermediate_size": [56, 56] },
            "kept": [{ "query_heads": [0, 1], "key_value_heads": [0], "channels": [0, 1, 2, 3] }, { "query_heads": [2, 3], "key_value_heads": [1], "channels": [5, 6, 7, 55] }] } }
        """;

    private readonly string _root = RepositoryRoot();

    public IReadOnlyList<FuzzSeed> Tensors() => [.. Golden("adapter_model.safetensors"), .. Golden("model.safetensors")];

    public IReadOnlyList<FuzzSeed> Index()
    {
        byte[] first = Golden("adapter_model.safetensors")[0].Content, second = Golden("adapter_model.safetensors")[1].Content;
        using var folder = new Scratch();
        File.WriteAllBytes(folder["a.safetensors"], first);
        File.WriteAllBytes(folder["b.safetensors"], second);
        using var a = SafetensorsFile.Open(folder["a.safetensors"]);
        using var b = SafetensorsFile.Open(folder["b.safetensors"]);
        string map = string.Join(", ", a.Tensors.Keys.Select(n => $"\"{n}\": \"a.safetensors\"").Concat(b.Tensors.Keys.Select(n => $"\"{n}\": \"b.safetensors\"")));
        byte[] index = Encoding.UTF8.GetBytes($"{{\"metadata\": {{\"total_size\": 1}}, \"weight_map\": {{{map}}}}}");
        return [new FuzzSeed(Checkpoint.IndexName, index, ("a.safetensors", first), ("b.safetensors", second))];
    }

    public IReadOnlyList<FuzzSeed> Configs() =>
    [
        .. Golden("config.json"), new FuzzSeed("config.json", Encoding.UTF8.GetBytes(Pruned)),
        new FuzzSeed("config.json", File.ReadAllBytes(Path.Combine(Sample, "config.json"))),
    ];

    public IReadOnlyList<FuzzSeed> Models() =>
    [
        .. from name in new[] { "llama", "roberta" }
           from file in new[] { "config.json", "model.safetensors", "adapter_config.json", "adapter_model.safetensors" }
           select Beside(Path.Combine(GoldenFolder, name), file, "config.json", "model.safetensors", "adapter_config.json", "adapter_model.safetensors"),
    ];

    public IReadOnlyList<FuzzSeed> AdapterConfigs() =>
        [.. new[] { "llama", "roberta" }.Select(name => Beside(Path.Combine(GoldenFolder, name), "adapter_config.json", "config.json", "adapter_model.safetensors"))];

    public IReadOnlyList<FuzzSeed> TokenizerJson() =>
        [new FuzzSeed("tokenizer.json", Encoding.UTF8.GetBytes(Bpe)), new FuzzSeed("tokenizer.json", Encoding.UTF8.GetBytes(WordPiece)), new FuzzSeed("tokenizer.json", Encoding.UTF8.GetBytes(Converted))];

    public IReadOnlyList<FuzzSeed> Vocabularies()
    {
        string[] files = ["vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"];
        byte[] words = "[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\na\n##b\nlow\n##er\n"u8.ToArray();
        byte[] config = """{ "do_lower_case": true, "added_tokens_decoder": { "9": { "content": "[X]", "special": false, "normalized": true }, "0": { "content": "[UNK]" } } }"""u8.ToArray();
        return
        [
            .. files.Select(file => Beside(Sample, file, files)),
            new FuzzSeed("vocab.txt", words), new FuzzSeed("tokenizer_config.json", config, ("vocab.txt", words)),
            new FuzzSeed("added_tokens.json", """{ "<x>": 9, "[Y]": 10 }"""u8.ToArray(), ("vocab.txt", words)),
        ];
    }

    public IReadOnlyList<FuzzSeed> SentencePiece()
    {
        var own = new FuzzSeed("tokenizer.model", PieceFile());
        return Shared("models", "stories260K", "tokenizer.model") is { } real ? [own, new FuzzSeed("tokenizer.model", File.ReadAllBytes(real))] : [own];
    }

    public IReadOnlyList<FuzzSeed> Gguf(IComputeBackend backend)
    {
        using var folder = new Scratch();
        File.WriteAllBytes(folder["tokenizer.model"], PieceFile());
        var spec = new ModelSpec
        {
            Family = ModelFamily.Llama, Head = ModelHead.CausalLm, Width = 32, VocabularySize = 264, MaxPositions = 32, Activation = Activation.Silu, BosId = 1, EosId = 2,
            Layers = [new LayerSpec(4, 2, 8, 32)],
        };
        var seeds = new List<FuzzSeed>();
        foreach (var layers in new LayerSpec[][] { [new(4, 2, 8, 32)], [new(4, 2, 8, 32), new(2, 1, 8, 64)] })
        {
            using var model = Model.Create(backend, spec with { Layers = layers });
            ModelInitializer.Initialize(model, 1);
            GgufModel.Save(model, folder[$"{layers.Length}.gguf"], layers.Length == 1 ? GgufTensorType.F32 : GgufTensorType.Q8_0, folder.Path);
            seeds.Add(new FuzzSeed("x.gguf", File.ReadAllBytes(folder[$"{layers.Length}.gguf"])));
        }

        return seeds;
    }

    public IReadOnlyList<FuzzSeed> Table(string ending)
    {
        (string Text, string[]? Real)[] files = ending switch
        {
            ".tsv" => [("sentence\tlabel\ndull and slow\t0\n\"so \"\"good\"\"\n\t!\"\t1\nfine\t1\n", ["data", "sst2", "dev.tsv"]), ("gj04\t1\t\tThey ran.\ncj99\t0\t*\tRan they.\n", ["data", "amazon", "books.dev.tsv"])],
            ".csv" => [("text,label,domain\r\n\"a, b\",x,books\r\nc,y,films\r\n", null)],
            ".jsonl" => [("{\"text\": \"café \\u00e9\", \"label\": 0}\n{\"text\": \"b\", \"label\": \"x\"}\n", ["data", "gsm8k", "train.jsonl"])],
            ".all" => [("0 one two\n1 three\n\n2 four\n", ["data", "mr", "rt-polarity.all"])],
            _ => [("One.\n\nTwo, é🚀.\r\n\r\n\tThree\n", ["data", "text", "tinystories.txt"])],
        };
        var seeds = new List<FuzzSeed>();
        foreach (var (text, real) in files)
        {
            seeds.Add(new FuzzSeed($"data{ending}", Encoding.UTF8.GetBytes(text)));
            if (real is not null && Shared(real) is { } path && Lines(path) is { } head)
                seeds.Add(new FuzzSeed($"data{ending}", head));
        }

        return seeds;
    }

    private string GoldenFolder => Path.Combine(_root, "tests", "FedSpine.Engine.Tests", "golden", "small");

    private string Sample => Path.Combine(_root, "managed-api", "FedSpine.Federated", "Sample", "encoder");

    private FuzzSeed[] Golden(string file) => [.. new[] { "llama", "roberta" }.Select(name => new FuzzSeed(file, File.ReadAllBytes(Path.Combine(GoldenFolder, name, file))))];

    private static FuzzSeed Beside(string folder, string file, params string[] others) =>
        new(file, File.ReadAllBytes(Path.Combine(folder, file)), [.. others.Where(o => o != file).Select(o => (o, File.ReadAllBytes(Path.Combine(folder, o))))]);

    /// <summary>Whole lines from the beginning; null where they are not UTF-8, which the parsers refuse.</summary>
    private static byte[]? Lines(string path)
    {
        using var file = File.OpenRead(path);
        byte[] head = new byte[Math.Min(LargestData, file.Length)];
        file.ReadExactly(head);
        int end = Array.LastIndexOf(head, (byte)'\n') + 1;
        return System.Text.Unicode.Utf8.IsValid(head.AsSpan(0, end)) ? head[..end] : null;
    }

    private string? Shared(params string[] parts)
    {
        string path = Path.Combine([Environment.GetEnvironmentVariable("FEDSPINE_SHARED") ?? Path.Combine(_root, "..", "shared"), .. parts]);
        return File.Exists(path) ? path : null;
    }

    /// <summary>A SentencePiece BPE model with all bytes, a control, a user-defined and an unused piece.</summary>
    private static byte[] PieceFile()
    {
        (string Text, byte Kind)[] pieces =
        [
            ("<unk>", 2), ("<s>", 3), ("</s>", 3), .. Enumerable.Range(0, 256).Select(b => ($"<0x{b:X2}>", (byte)6)),
            ("▁", 1), ("a", 1), ("▁a", 1), ("<x>", 4), ("aa", 5),
        ];
        var file = new List<byte>();
        for (int i = 0; i < pieces.Length; i++)
        {
            byte[] text = Encoding.UTF8.GetBytes(pieces[i].Text);
            byte[] piece = [0x0A, (byte)text.Length, .. text, 0x15, .. BitConverter.GetBytes((float)-i), 0x18, pieces[i].Kind];
            file.AddRange([0x0A, (byte)piece.Length, .. piece]);
        }

        file.AddRange([0x12, 5, 0x18, 2, 0x98, 2, 1]);   // trainer: BPE, byte_fallback
        file.AddRange([0x1A, 4, 0x18, 1, 0x20, 0]);      // normalizer: a blank in front, blanks kept
        return [.. file];
    }

    private static string RepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "FedSpine.Engine.sln")))
                return folder.FullName;
        }

        throw new InvalidOperationException("run it from inside the repository: the reference models are its seeds");
    }

    private sealed class Scratch : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("fedspine-").FullName;

        public string this[string name] => System.IO.Path.Combine(Path, name);

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
