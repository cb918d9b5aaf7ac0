using System.Text;
using FedSpine.Engine.Text;

namespace FedSpine.Engine.Tests.Text;

/// <summary>Valid files with a few bytes changed, removed, repeated or cut off: read, or refused by name, nothing else.</summary>
public sealed class MalformedInputTests
{
    private static readonly DataFormat[] Formats = [DataFormat.Auto, DataFormat.Tsv, DataFormat.Csv, DataFormat.Jsonl, DataFormat.LabelFirst, DataFormat.Text];

    [Fact]
    public void Data_files()
    {
        string[] seeds =
        [
            "sentence\tlabel\ndull and slow\t0\n\"so \"\"good\"\"\n\t!\"\t1\nfine\t1\n",
            "text,label,domain\r\n\"a, b\",x,books\r\nc,y,films\r\n",
            "{\"text\": \"caf\u00e9 \\u00e9\", \"label\": 0}\n{\"text\": \"b\", \"label\": \"x\"}\n",
            "0 one two\n1 three\n\n2 four\n",
            "gj04\t1\t\tThey ran.\ncj99\t0\t*\tRan they.\n",
        ];
        using var folder = new TemporaryFolder();
        string path = folder.File("data.tsv");
        var random = new DeterministicRandom(1);
        int read = 0, refused = 0;
        for (int i = 0; i < 4000; i++)
        {
            File.WriteAllBytes(path, Mutated(Encoding.UTF8.GetBytes(seeds[random.NextInt(seeds.Length)]), random));
            var options = new DataOptions
            {
                Format = Formats[random.NextInt(Formats.Length)],
                Encoding = random.NextInt(4) == 0 ? DataEncoding.Latin1 : DataEncoding.Utf8,
                Quoted = random.NextInt(3) switch { 0 => true, 1 => false, _ => null },
                TextColumn = random.NextInt(8) == 0 ? "text" : random.NextInt(8) == 0 ? "1" : null,
            };
            bool survived = Survives(path, () =>
            {
                IReadOnlyList<DataRecord> records = random.NextInt(2) == 0 ? DataFile.Read(path, options) : DataFile.ReadLabelled(path, options);
                Assert.NotEmpty(records);
                Assert.All(records, record => Assert.NotNull(record.Text));
            });
            _ = survived ? read++ : refused++;
        }
        Assert.True(read > 400 && refused > 400, $"{read} read, {refused} refused");
    }

    [Fact]
    public void Tokenizer_files()
    {
        var trainer = new BytePairTrainer();
        trainer.Add("low lower lowest");
        using var trained = new TemporaryFolder();
        trainer.Train(266).Save(trained.Path);
        const string bpe = """
            { "added_tokens": [{ "id": 6, "content": "</s>" }], "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false },
              "model": { "type": "BPE", "vocab": { "a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4, "bc": 5 }, "merges": ["a b", "ab c"] } }
            """;
        const string wordPiece = """
            { "normalizer": { "type": "BertNormalizer", "lowercase": true, "strip_accents": null },
              "model": { "type": "WordPiece", "unk_token": "[UNK]", "vocab": { "[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "##b": 4 } } }
            """;
        (string Name, byte[] Content)[] seeds =
        [
            ("vocab.json", File.ReadAllBytes(trained.File("vocab.json"))),
            ("merges.txt", File.ReadAllBytes(trained.File("merges.txt"))),
            ("tokenizer_config.json", File.ReadAllBytes(trained.File("tokenizer_config.json"))),
            ("tokenizer.json", Encoding.UTF8.GetBytes(bpe)),
            ("tokenizer.json", Encoding.UTF8.GetBytes(wordPiece)),
            ("vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\n##b\n"u8.ToArray()),
        ];
        var random = new DeterministicRandom(2);
        for (int i = 0; i < 2000; i++)
        {
            (string name, byte[] content) = seeds[random.NextInt(seeds.Length)];
            using var folder = new TemporaryFolder();
            if (name is "vocab.json" or "merges.txt" or "tokenizer_config.json")
            {
                foreach (string file in Directory.EnumerateFiles(trained.Path))
                    File.Copy(file, folder.File(Path.GetFileName(file)));
            }
            folder.Write(name, Mutated(content, random));
            Survives(folder.Path, () => Use(folder.Path));
        }
    }

    [Fact]
    public void SentencePiece_models()
    {
        byte[] model = File.ReadAllBytes(Path.Combine(Golden.Shared("models", "stories260K"), "tokenizer.model"));
        using var folder = new TemporaryFolder();
        var random = new DeterministicRandom(3);
        for (int i = 0; i < 1500; i++)
        {
            folder.Write("tokenizer.model", Mutated(model, random));
            Survives(folder.Path, () => Use(folder.Path));
        }
    }

    private static void Use(string folder)
    {
        TextTokenizer tokenizer = TextTokenizer.Load(folder);
        foreach (string text in TokenizerSamples.Weird.Concat(TokenizerSamples.Texts))
        {
            int[] ids = tokenizer.Encode(text);
            Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
            tokenizer.Decode(ids);
        }
    }

    /// <summary>Whether the file was read; a refusal must be one line that names the place.</summary>
    private static bool Survives(string place, Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (InputException e)
        {
            Assert.StartsWith(place, e.Message);
            Assert.DoesNotContain('\n', e.Message);
            return false;
        }
    }

    private static byte[] Mutated(byte[] content, DeterministicRandom random)
    {
        List<byte> bytes = [.. content];
        for (int edits = random.NextInt(4); edits >= 0 && bytes.Count > 0; edits--)
        {
            int at = random.NextInt(bytes.Count), length = Math.Min(1 + random.NextInt(8), bytes.Count - at);
            switch (random.NextInt(6))
            {
                case 0: bytes[at] = (byte)random.NextInt(256); break;
                case 1: bytes[at] = "\"\t\n\r,{}[]:\\ 0\0"u8[random.NextInt(14)]; break;
                case 2: bytes.RemoveRange(at, length); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
                case 4: bytes[at] ^= (byte)(1 << random.NextInt(8)); break;
                default: bytes.RemoveRange(at, random.NextInt(4) == 0 ? bytes.Count - at : length); break;
            }
        }
        return [.. bytes];
    }
}
