using System.Text;
using CsCheck;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Formats.Gguf;

/// <summary>Files that lie: each is refused in one line that names the file, without reading outside it or allocating what it could not fill.</summary>
public sealed class GgufMalformed : IDisposable
{
    private const uint U32 = 4, F32 = 6, Bool = 7, String = 8, Array = 9;

    private readonly IComputeBackend _backend = HostBackend.Create(1);
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    /// <summary>A header written field by field, data after it on the next multiple of 32.</summary>
    private string Write(Action<BinaryWriter> header, int dataBytes = 0, ulong tensors = 0, ulong pairs = 0, uint version = 3)
    {
        using var stream = File.Create(_folder["x.gguf"]);
        using var writer = new BinaryWriter(stream);
        writer.Write("GGUF"u8);
        writer.Write(version);
        writer.Write(tensors);
        writer.Write(pairs);
        header(writer);
        writer.Write(new byte[(32 - stream.Position % 32) % 32 + dataBytes]);
        return _folder["x.gguf"];
    }

    private static void Text(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private static void Tensor(BinaryWriter writer, string name, uint type, ulong offset, params ulong[] dimensions)
    {
        Text(writer, name);
        writer.Write((uint)dimensions.Length);
        foreach (ulong dimension in dimensions)
            writer.Write(dimension);
        writer.Write(type);
        writer.Write(offset);
    }

    private static void Pair(BinaryWriter writer, string key, uint type, Action value)
    {
        Text(writer, key);
        writer.Write(type);
        value();
    }

    private static void Refuses(string path, string expected)
    {
        var error = Assert.Throws<InputException>(() => GgufFile.Open(path).Dispose());
        Assert.StartsWith(path, error.Message);
        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_hand_written_file_is_read()
    {
        string path = Write(w =>
        {
            Pair(w, "a", Bool, () => w.Write((byte)1));
            Pair(w, "b", Array, () => { w.Write(U32); w.Write(2ul); w.Write(7u); w.Write(uint.MaxValue); });
            Tensor(w, "x", 0, 0, 2, 3);
            Tensor(w, "y", 8, 32, 32);
        }, dataBytes: 32 + 34, tensors: 2, pairs: 2, version: 2);
        using var file = GgufFile.Open(path);
        Assert.Equal((2u, true), (file.Version, file.Metadata.Bool("a", false)));
        Assert.Equal([3L, 2L], file.Tensors["x"].Shape);
        Assert.Contains("b[1] is 4294967295, expected an integer in [0, 9]", Assert.Throws<InputException>(() => file.Metadata.Ints("b", 2, 0, 9, broadcast: false)).Message);
        var values = new float[32];
        file.Read(file.Tensors["y"], 0, values);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(file.Tensors["y"], 1, values));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(file.Tensors["x"], -1, values.AsSpan(0, 1)));
    }

    [Fact]
    public void Impossible_starts_are_refused()
    {
        File.WriteAllBytes(_folder["x.gguf"], new byte[23]);
        Refuses(_folder["x.gguf"], "the file has 23 bytes");
        File.WriteAllBytes(_folder["x.gguf"], new byte[64]);
        Refuses(_folder["x.gguf"], "not a GGUF file");
        Refuses(Write(_ => { }, version: 1), "GGUF version is 1, supported are 2 and 3");
        Refuses(Write(_ => { }, version: 0x03000000), "big-endian");
        Refuses(_folder["none.gguf"], "no such file");
    }

    [Theory]
    [InlineData(1UL << 40, 0, "the number of tensors is 1099511627776")]
    [InlineData(ulong.MaxValue, 0, "the number of tensors is 18446744073709551615")]
    [InlineData(0, 1UL << 62, "the number of metadata pairs is 4611686018427387904")]
    [InlineData(3, 0, "the number of tensors is 3, the file has 16 bytes after it")]
    public void Huge_counts_are_refused(ulong tensors, ulong pairs, string expected) => Refuses(Write(_ => { }, tensors: tensors, pairs: pairs), expected);

    [Fact]
    public void Impossible_metadata_are_refused()
    {
        void One(Action<BinaryWriter> pair, string expected, ulong count = 1) => Refuses(Write(pair, 64, pairs: count), expected);
        One(w => { w.Write(1ul << 60); w.Write(new byte[32]); }, "the length of metadata key 0 is 1152921504606846976");
        One(w => { w.Write(2ul); w.Write((byte)0xC3); w.Write((byte)0x28); w.Write(new byte[32]); }, "metadata key 0 is not UTF-8");
        One(w => Pair(w, "", U32, () => w.Write(1u)), "metadata key 0 is empty");
        One(w => Pair(w, "a", 13, () => w.Write(1u)), "a is of type 13, which GGUF does not have");
        One(w => Pair(w, "a", Bool, () => w.Write((byte)2)), "a holds a boolean that is neither 0 nor 1");
        One(w => Pair(w, "a", String, () => w.Write(1ul << 33)), "the length of the value of a is 8589934592");
        One(w => Pair(w, "a", Array, () => { w.Write(F32); w.Write(1ul << 61); }), "the length of a is 2305843009213693952");
        One(w => Pair(w, "a", Array, () => { w.Write(String); w.Write(1ul << 20); }), "the length of a is 1048576");
        One(w => Pair(w, "a", Array, () => { w.Write(Array); w.Write(1ul); w.Write(Array); w.Write(1ul); }), "a is an array of arrays");
        One(w => { Pair(w, "a", U32, () => w.Write(1u)); Pair(w, "a", U32, () => w.Write(1u)); }, "a appears twice", 2);
        foreach (uint alignment in (uint[])[0, 3, 48, 1u << 31])
            One(w => Pair(w, "general.alignment", U32, () => w.Write(alignment)), $"general.alignment is {alignment}");
        One(w => Pair(w, "general.alignment", String, () => Text(w, "32")), "general.alignment is \"32\", expected an integer");
    }

    [Fact]
    public void Impossible_tensors_are_refused()
    {
        void One(Action<BinaryWriter> tensor, string expected, ulong count = 1, int dataBytes = 64) => Refuses(Write(tensor, dataBytes, tensors: count), expected);
        One(w => Tensor(w, "t", 0, 0), "tensor t has 0 dimensions");
        One(w => Tensor(w, "t", 0, 0, 1, 1, 1, 1, 1), "tensor t has 5 dimensions");
        One(w => Tensor(w, "t", 0, 0, 4, 0), "tensor t: dimension 0 is impossible");
        One(w => Tensor(w, "t", 0, 0, 1ul << 40, 1ul << 40), "is impossible");
        One(w => Tensor(w, "t", 0, 0, ulong.MaxValue), "is impossible");
        One(w => Tensor(w, "t", 0, 0, 1ul << 17, (1ul << 47) + 1), "is impossible"); // 2^17 elements, were it to wrap
        One(w => Tensor(w, "t", 4, 0, 32), "tensor t is of type 4, which is not known");
        One(w => Tensor(w, "t", 8, 0, 33), "tensor t: rows of 33 elements are not whole blocks of 32, which Q8_0 has");
        One(w => Tensor(w, "t", 0, 16, 4), "tensor t: offset 16 is not a multiple of the alignment 32");
        One(w => Tensor(w, "t", 0, ulong.MaxValue - 31, 4), "tensor t: offset 18446744073709551584 is not");
        One(w => Tensor(w, "t", 0, 64, 4), "tensor t: bytes [64, 80) are outside the data section of 64");
        One(w => Tensor(w, "t", 0, 1ul << 61, 4), "are outside the data section");
        One(w => Tensor(w, "t", 0, 0, 17), "tensor t: bytes [0, 68) are outside the data section of 64 (is the file truncated?)");
        One(w => { Tensor(w, "t", 0, 0, 4); Tensor(w, "t", 0, 32, 4); }, "tensor t appears twice", 2);
        One(w => { Tensor(w, "t", 0, 0, 12); Tensor(w, "u", 0, 32, 4); }, "tensors t and u overlap", 2);
        One(w => { w.Write(1ul << 50); w.Write(new byte[40]); }, "the length of the name of tensor 0 is 1125899906842624");
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        byte[] whole = File.ReadAllBytes(Model());
        int header = HeaderLength(whole);
        Assert.InRange(header, 3000, 40_000);
        for (int length = 0; length < header; length++)
            Assert.StartsWith("name: ", Assert.Throws<InputException>(() => GgufHeader.Parse("name", whole.AsSpan(0, length), length)).Message);
        for (int length = header; length < whole.Length; length += 4999)
        {
            File.WriteAllBytes(_folder["x.gguf"], whole[..length]);
            Refuses(_folder["x.gguf"], "");
        }
    }

    public static TheoryData<string, object?, string> Features => new()
    {
        { "general.architecture", "gptneox", "general.architecture is \"gptneox\", expected one of llama, qwen2, deci" },
        { "general.architecture", null, "general.architecture is \"\", expected" },
        { "split.count", 3u, "split.count is 3: a model in several files is not supported" },
        { "llama.expert_count", 8u, "llama.expert_count is 8, which is not supported" },
        { "llama.attention.sliding_window", 4096u, "llama.attention.sliding_window is 4096, which is not supported" },
        { "llama.rope.scaling.type", "yarn", "llama.rope.scaling.type is \"yarn\"" },
        { "llama.rope.scaling.factor", 0.5f, "llama.rope.scaling.factor is 0.5, expected at least 1" },
        { "llama.attention.causal", false, "llama.attention.causal is false" },
        { "llama.rope.dimension_count", 4u, "llama.rope.dimension_count is 4, other than the head size 8" },
        { "llama.attention.value_length", 16u, "llama.attention.value_length is 16, other than the head size 8" },
        { "llama.attention.key_length", 7u, "rotary embeddings need an even number" },
        { "llama.attention.head_count_kv", 3u, "llama.attention.head_count is 4 in layer 0, not a multiple of head_count_kv 3" },
        { "llama.attention.head_count", 0u, "llama.attention.head_count is 0, expected an integer in [1," },
        { "llama.attention.head_count", 2u, "tensor blk.0.attn_q.weight is [32, 32], the metadata say [16, 32]" },
        { "llama.embedding_length", 1u << 20, "tensor token_embd.weight is [320, 32], the metadata say [320, 1048576]" },
        { "llama.feed_forward_length", null, "llama.feed_forward_length is missing" },
        { "llama.block_count", 2u, "tensor blk.1.attn_norm.weight [32] is missing" },
        { "llama.attention.layer_norm_rms_epsilon", 1u, "expected a number in [0, 1]" },
    };

    [Theory]
    [MemberData(nameof(Features))]
    public void Models_that_are_not_supported_are_refused_by_name(string key, object? value, string expected)
    {
        string path = Rewrite(Model(), key, value);
        var error = Assert.Throws<InputException>(() => GgufModel.Load(_backend, path));
        Assert.StartsWith(path, error.Message);
        Assert.Contains(expected, error.Message);
    }

    public static TheoryData<string, object?, string> Tokenizers => new()
    {
        { "tokenizer.ggml.model", "t5", "tokenizer.ggml.model is \"t5\", supported are llama (SentencePiece BPE) and gpt2 (byte-level BPE)" },
        { "tokenizer.ggml.model", null, "tokenizer.ggml.model is missing: the file has no tokenizer" },
        { "tokenizer.ggml.pre", "tekken", "tokenizer.ggml.pre is \"tekken\"; supported are gpt-2, llama-bpe" },
        { "tokenizer.ggml.merges", null, "tokenizer.ggml.merges is missing" },
        { "tokenizer.ggml.tokens", new[] { "a", "" }, "tokenizer.ggml.tokens[1] is empty" },
        { "tokenizer.ggml.tokens", new[] { "a", "a" }, "expected an array of 2 integers" },
        { "tokenizer.ggml.bos_token_id", 999u, "tokenizer.ggml.bos_token_id is 999, expected an integer in [0," },
    };

    [Theory]
    [MemberData(nameof(Tokenizers))]
    public void Tokenizers_that_are_not_supported_are_refused_by_name(string key, object? value, string expected)
    {
        string path = Rewrite(Model(), key, value);
        var error = Assert.Throws<InputException>(() => TextTokenizer.Load(path));
        Assert.StartsWith(path, error.Message);
        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void Quantized_tensors_and_stray_ones_are_refused_by_name()
    {
        using var source = GgufFile.Open(Model());
        void Refused(string stray, string expected)
        {
            var tensors = source.Tensors.Values.Select(t => Copy(source, t, t.Name == "output_norm.weight" ? stray : t.Name)).ToList();
            using (var stream = File.Create(_folder["y.gguf"]))
                GgufWriter.Write(stream, source.Metadata, tensors);
            Assert.Contains(expected, Assert.Throws<InputException>(() => GgufModel.Load(_backend, _folder["y.gguf"])).Message);
        }

        Refused("output_norm.bias", "tensor output_norm.weight [32] is missing");
        Refused("rope_freqs.weight", "tensor rope_freqs.weight F32 [32] is not [4]");
        byte[] bytes = File.ReadAllBytes(Model());
        int name = Encoding.Latin1.GetString(bytes).IndexOf("blk.0.ffn_up.weight", StringComparison.Ordinal);
        bytes[name + "blk.0.ffn_up.weight".Length + 4 + 16] = 2; // Q4_0
        File.WriteAllBytes(_folder["x.gguf"], bytes);
        Assert.Contains("tensor blk.0.ffn_up.weight is of type Q4_0; supported are F32, F16, BF16 and Q8_0", Assert.Throws<InputException>(() => GgufModel.Load(_backend, _folder["x.gguf"])).Message);
    }

    [Theory]
    [InlineData(null, 2000)]
    [InlineData("stories260K", 300)]
    public void Mutations_load_or_are_refused(string? shared, int count)
    {
        byte[] whole = File.ReadAllBytes(shared is null ? Model() : Stories(Golden.Shared("models", shared)));
        int header = HeaderLength(whole), refused = 0;
        string path = _folder["x.gguf"];
        var value = Gen.OneOf(Gen.Byte, Gen.Char["\0\u0001\u0004\u0008\u0009\u0020\u007F\u0080\u00FF"].Select(c => (byte)c));
        Gen.Select(Gen.Int[0, header - 1], value, Gen.Int[0, 4]).Array[1, 4].Sample(edits =>
        {
            var bytes = whole.ToList();
            foreach (var (at, to, kind) in edits)
            {
                int i = Math.Min(at, bytes.Count - 1);
                if (kind == 0)
                    bytes.Insert(i, to);
                else if (kind == 1)
                    bytes.RemoveRange(i, Math.Min(1 + to % 16, bytes.Count - 1 - i));
                else
                    bytes[i] = to;
            }

            File.WriteAllBytes(path, [.. bytes]);
            long before = GC.GetAllocatedBytesForCurrentThread();
            refused += Attempt(path, () => GgufModel.Load(_backend, path).Model.Dispose()) | Attempt(path, () => TextTokenizer.Load(path));
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < 64 << 20, $"{allocated} bytes allocated for a file of {bytes.Count}");
        }, iter: count, threads: 1);
        Assert.True(refused > count / 3, $"only {refused} of {count} mutations were noticed");
    }

    /// <summary>Up to the end of the last tensor's description: name, one dimension, type, offset.</summary>
    private static int HeaderLength(byte[] file) =>
        Encoding.Latin1.GetString(file).IndexOf("output_norm.weight", StringComparison.Ordinal) + "output_norm.weight".Length + 4 + 8 + 4 + 8;

    private static int Attempt(string path, Action load)
    {
        try
        {
            load();
            return 0;
        }
        catch (InputException e)
        {
            Assert.Contains(path, e.Message);
            Assert.DoesNotContain('\n', e.Message);
            return 1;
        }
    }

    /// <summary>A file of one layer and a byte-level tokenizer.</summary>
    private string Model()
    {
        using var tokenizer = GgufCase.Tokenizer();
        using var model = TinyModels.Random(_backend, GgufCase.Spec(layers: 1), Trainable.None);
        GgufModel.Save(model, _folder["m.gguf"], GgufTensorType.F32, tokenizer.Path);
        return _folder["m.gguf"];
    }

    private string Stories(string folder)
    {
        using var model = ModelFolder.Load(_backend, folder).Model;
        GgufModel.Save(model, _folder["s.gguf"], GgufTensorType.Q8_0, folder);
        return _folder["s.gguf"];
    }

    /// <summary>The file with one key changed, added, or (null) left out.</summary>
    private string Rewrite(string path, string key, object? value)
    {
        using var source = GgufFile.Open(path);
        var metadata = new GgufMetadata(path);
        foreach (var pair in source.Metadata.Values.Where(p => p.Key != key))
            metadata.Add(pair.Key, pair.Value);
        if (value is not null)
        {
            metadata.Add(key, value switch
            {
                uint number => GgufValue.Of(number),
                float number => GgufValue.Of(number),
                bool flag => GgufValue.Of(flag),
                string[] texts => GgufValue.Of(texts),
                _ => GgufValue.Of((string)value),
            });
        }

        using var stream = File.Create(_folder["y.gguf"]);
        GgufWriter.Write(stream, metadata, [.. source.Tensors.Values.Select(t => Copy(source, t, t.Name))]);
        return _folder["y.gguf"];
    }

    private static GgufTensorSource Copy(GgufFile file, GgufTensor tensor, string name)
    {
        var values = new float[tensor.Length];
        file.Read(tensor, 0, values);
        return new GgufTensorSource(TensorSource.Of(name, [.. tensor.Shape.Select(d => (int)d)], values), tensor.Type);
    }
}
