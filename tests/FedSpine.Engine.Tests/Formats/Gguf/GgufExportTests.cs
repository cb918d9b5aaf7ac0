using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Formats.Gguf;

/// <summary>What is written, read back field by field by a second reader of the specification.</summary>
public sealed class GgufExportTests : IDisposable
{
    private const uint U32 = 4, F32 = 6, Bool = 7, String = 8, Array = 9;

    private readonly IComputeBackend _backend = HostBackend.Create(1);
    private readonly TempFolder _tokenizer = GgufCase.Tokenizer(), _folder = new();

    public void Dispose()
    {
        _backend.Dispose();
        _tokenizer.Dispose();
        _folder.Dispose();
    }

    private SpecificationReader Export(Model model, GgufTensorType type, out GgufSaved saved)
    {
        File.Delete(_folder["m.gguf"]);
        saved = GgufModel.Save(model, _folder["m.gguf"], type, _tokenizer.Path);
        return new SpecificationReader(_folder["m.gguf"]);
    }

    [Fact]
    public void An_unpruned_model_is_a_llama_with_scalar_shapes()
    {
        using var model = TinyModels.Random(_backend, GgufCase.Spec(), Trainable.None);
        var file = Export(model, GgufTensorType.F32, out var saved);
        Assert.Equal(("llama", 2 + 4 * 9), (saved.Architecture, saved.Tensors));
        Assert.Equal("general.architecture", file.Keys[0]);
        Assert.Equal("llama", file.Value("general.architecture", String));
        Assert.Equal(0u, file.Value("general.file_type", U32));
        foreach (var (key, value) in new Dictionary<string, uint>
        {
            ["vocab_size"] = GgufCase.Vocabulary, ["context_length"] = 48, ["embedding_length"] = 32, ["block_count"] = 4, ["feed_forward_length"] = 64,
            ["attention.head_count"] = 4, ["attention.head_count_kv"] = 2, ["attention.key_length"] = 8, ["attention.value_length"] = 8, ["rope.dimension_count"] = 8,
        })
            Assert.Equal(value, file.Value($"llama.{key}", U32));
        Assert.Equal(5000f, file.Value("llama.rope.freq_base", F32));
        Assert.Equal(1e-6f, file.Value("llama.attention.layer_norm_rms_epsilon", F32));
        Assert.DoesNotContain(file.Tensors, t => t.Name == "output.weight");
        CheckTensors(file, model, neighbours: true);
    }

    [Fact]
    public void A_pruned_model_is_a_deci_with_per_layer_shapes()
    {
        using var whole = TinyModels.Random(_backend, GgufCase.Spec(tied: false, attentionBias: true), Trainable.None);
        using var model = GgufCase.Pruned(whole);
        var layers = model.Spec.Layers;
        Assert.True(layers.Select(l => l.KeyValueHeads).Distinct().Count() > 1 && layers.Select(l => l.FfnWidth).Distinct().Count() > 1, "the layers should differ");
        var file = Export(model, GgufTensorType.F32, out var saved);
        Assert.Equal("deci", saved.Architecture);
        Assert.Equal("deci", file.Value("general.architecture", String));
        Assert.Equal(layers.Select(l => (object)l.QueryHeads), (object[])file.Value("deci.attention.head_count", Array));
        Assert.Equal(layers.Select(l => (object)l.KeyValueHeads), (object[])file.Value("deci.attention.head_count_kv", Array));
        Assert.Equal(layers.Select(l => (object)l.FfnWidth), (object[])file.Value("deci.feed_forward_length", Array));
        foreach (string key in (string[])["attention.key_length", "attention.value_length", "rope.dimension_count"])
            Assert.Equal(8u, file.Value($"deci.{key}", U32));
        Assert.Contains(file.Tensors, t => t.Name == "output.weight");
        Assert.Contains(file.Tensors, t => t.Name == "blk.2.attn_k.bias");
        CheckTensors(file, model, neighbours: true);
    }

    [Fact]
    public void Attention_biases_make_a_qwen2_with_rows_as_they_are()
    {
        using var model = TinyModels.Random(_backend, GgufCase.Spec(attentionBias: true), Trainable.None);
        var file = Export(model, GgufTensorType.F32, out var saved);
        Assert.Equal("qwen2", saved.Architecture);
        CheckTensors(file, model, neighbours: false);
    }

    [Fact]
    public void Scaling_is_a_factor_or_divisors_of_the_angles()
    {
        using var linear = TinyModels.Random(_backend, GgufCase.Spec(layers: 1) with { RopeScaling = new RopeScaling(RopeScalingKind.Linear, 2.5f) }, Trainable.None);
        var file = Export(linear, GgufTensorType.F16, out _);
        Assert.Equal("linear", file.Value("llama.rope.scaling.type", String));
        Assert.Equal(2.5f, file.Value("llama.rope.scaling.factor", F32));

        // LLaMA 3.1: theta 500,000, D 8: wave lengths 2 pi 500000^(i/4) = 6.3, 167, 4443, 118,141; long ones lie beyond 8192, short ones below 2048.
        using var llama3 = TinyModels.Random(_backend, GgufCase.Spec(layers: 1) with { RopeTheta = 500000, RopeScaling = new RopeScaling(RopeScalingKind.Llama3, 8) }, Trainable.None);
        file = Export(llama3, GgufTensorType.F16, out _);
        Assert.Equal(0u, file.Tensors.Single(t => t.Name == "rope_freqs.weight").Type);
        float[] divisors = file.Read("rope_freqs.weight");
        double share = (8192 / 4442.88 - 1) / (4 - 1); // of the unscaled angle, by the wave length between
        Assert.Equal([1, 1, 8], new[] { divisors[0], divisors[1], divisors[3] });
        Assert.Equal(1 / ((1 - share) / 8 + share), divisors[2], 1e-3);
        Assert.DoesNotContain("llama.rope.scaling.type", file.Keys);
    }

    [Fact]
    public void Halves_are_rounded_to_the_nearest_and_vectors_stay_whole()
    {
        using var model = TinyModels.Random(_backend, GgufCase.Spec(), Trainable.None);
        foreach (var (type, number, fileType) in ((GgufTensorType, uint, uint)[])[(GgufTensorType.F16, 1, 1), (GgufTensorType.BF16, 30, 32)])
        {
            var file = Export(model, type, out _);
            Assert.Equal(fileType, file.Value("general.file_type", U32));
            Assert.All(file.Tensors, t => Assert.Equal(t.Dimensions.Length == 1 ? 0 : number, t.Type));
            float[] expected = _backend.Read(model.Named("model.layers.1.mlp.up_proj.weight").Value), actual = file.Read("blk.1.ffn_up.weight");
            double unit = type == GgufTensorType.F16 ? 1.0 / 2048 : 1.0 / 256;
            Assert.All(expected.Zip(actual), pair => Assert.True(Math.Abs((double)pair.First - pair.Second) <= unit * Math.Abs(pair.First) + 6e-8, $"{pair}"));
        }
    }

    [Fact]
    public void Q8_blocks_hold_the_nearest_of_255_steps()
    {
        var spec = GgufCase.Spec() with { Layers = [new LayerSpec(4, 2, 8, 64), new LayerSpec(3, 1, 8, 40)] };
        using var model = TinyModels.Random(_backend, spec, Trainable.None);
        var file = Export(model, GgufTensorType.Q8_0, out var saved);
        Assert.Equal(7u, file.Value("general.file_type", U32));
        Assert.Equal(2u, file.Value("general.quantization_version", U32));
        Assert.Equal(["blk.1.attn_output.weight", "blk.1.ffn_down.weight"], saved.NotQuantized); // rows of 24 and 40
        Assert.All(file.Tensors, t => Assert.Equal(t.Dimensions.Length == 1 ? 0u : saved.NotQuantized.Contains(t.Name) ? 1u : 8u, t.Type));
        float[] expected = _backend.Read(model.Named("model.layers.0.mlp.down_proj.weight").Value), actual = file.Read("blk.0.ffn_down.weight");
        for (int block = 0; block < expected.Length; block += 32)
        {
            double largest = expected.AsSpan(block, 32).ToArray().Max(Math.Abs), step = largest / 127;
            for (int i = block; i < block + 32; i++)
            {
                // Half a step, and what rounding the step to float16 adds to 127 of them.
                Assert.True(Math.Abs((double)expected[i] - actual[i]) <= step / 2 + largest / 2048 + 1e-7, $"element {i}: {expected[i]} became {actual[i]}");
            }
        }
    }

    [Fact]
    public void Byte_level_tokens_and_merges_are_metadata_and_rows_without_a_token_are_padding()
    {
        using var model = TinyModels.Random(_backend, GgufCase.Spec(layers: 1), Trainable.None);
        var file = Export(model, GgufTensorType.F32, out _);
        Assert.Equal("gpt2", file.Value("tokenizer.ggml.model", String));
        Assert.Equal("gpt-2", file.Value("tokenizer.ggml.pre", String));
        var tokens = (object[])file.Value("tokenizer.ggml.tokens", Array);
        var kinds = (object[])file.Value("tokenizer.ggml.token_type", Array);
        Assert.Equal((GgufCase.Vocabulary, GgufCase.Vocabulary), (tokens.Length, kinds.Length));
        Assert.Equal(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], tokens[..5]);
        Assert.Equal([3, 3, 3, 3, 3, 1], kinds[..6].Cast<int>());
        Assert.Equal(("[PAD319]", 5), ((string)tokens[^1], (int)kinds[^1]));
        string[] merges = File.ReadAllLines(_tokenizer["merges.txt"])[1..];
        Assert.Equal(merges, (object[])file.Value("tokenizer.ggml.merges", Array));
        Assert.Equal((0u, 2u, 1u), ((uint)file.Value("tokenizer.ggml.bos_token_id", U32), (uint)file.Value("tokenizer.ggml.eos_token_id", U32), (uint)file.Value("tokenizer.ggml.padding_token_id", U32)));
        Assert.Equal(true, file.Value("tokenizer.ggml.add_bos_token", Bool));
    }

    [Fact]
    public void An_adapter_is_merged()
    {
        using var model = TinyModels.Random(_backend, GgufCase.Spec(), Trainable.None, new LoraSpec(2, 4, LoraSpec.AllLinears));
        var file = Export(model, GgufTensorType.F32, out _);
        Assert.DoesNotContain(file.Tensors, t => t.Name.Contains("lora", StringComparison.Ordinal));
        var up = model.Layers[2].Up;
        float[] w = _backend.Read(up.Weight.Value), a = _backend.Read(up.A!.Value), b = _backend.Read(up.B!.Value), merged = file.Read("blk.2.ffn_up.weight");
        for (int i = 0; i < w.Length; i++)
        {
            int row = i / 32, column = i % 32;
            double expected = w[i] + up.Scale * ((double)b[2 * row] * a[column] + (double)b[2 * row + 1] * a[32 + column]);
            Assert.Equal(expected, merged[i], 1e-5);
        }
    }

    [Fact]
    public void What_the_format_cannot_hold_is_refused_by_name()
    {
        void Refuses(ModelSpec spec, string expected)
        {
            using var model = TinyModels.Random(_backend, spec, Trainable.None);
            Assert.Contains(expected, Assert.Throws<InputException>(() => GgufModel.Save(model, _folder["x.gguf"], GgufTensorType.F32, _tokenizer.Path)).Message);
            Assert.False(File.Exists(_folder["x.gguf"]));
        }

        Refuses(TinyModels.Roberta(ModelHead.MaskedLm), "this is a Roberta model with a MaskedLm head: export it to hf");
        Refuses(TinyModels.Llama(ModelHead.SequenceClassification), "with a SequenceClassification head");
        Refuses(TinyModels.Llama(ModelHead.CausalLm), "one head size for all layers; this model has 4 and 6");
        Refuses(GgufCase.Spec() with { VocabularySize = 100 }, "the model's vocabulary is 100");
        using var infinite = TinyModels.Random(_backend, GgufCase.Spec(), Trainable.None);
        _backend.Upload<float>(infinite.Layers[1].Down.Weight.Value.Slice(0, 1), [70000f]);
        Assert.Contains("tensor blk.1.ffn_down.weight holds 70000 at [0, 0], which is not written as F16",
            Assert.Throws<FedSpineException>(() => GgufModel.Save(infinite, _folder["x.gguf"], GgufTensorType.F16, _tokenizer.Path)).Message);
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(_folder.Path), f => f.Contains("x.gguf", StringComparison.Ordinal));
    }

    /// <summary>Every tensor: packed one after the other on multiples of 32, fastest dimension first, and the model's values.</summary>
    private void CheckTensors(SpecificationReader file, Model model, bool neighbours)
    {
        ulong offset = 0;
        foreach (var tensor in file.Tensors)
        {
            Assert.Equal(offset, tensor.Offset);
            offset += (ulong)(tensor.Bytes + 31) / 32 * 32;
        }

        Assert.Equal(offset, (ulong)file.Data.Length);
        Assert.Equal(model.Parameters.Count, file.Tensors.Count);
        Check("token_embd.weight", model.Embeddings.Words);
        Check("output_norm.weight", model.Head.FinalNorm!);
        for (int i = 0; i < model.Layers.Count; i++)
        {
            var layer = model.Layers[i];
            Check($"blk.{i}.attn_norm.weight", layer.AttentionNorm);
            Check($"blk.{i}.ffn_norm.weight", layer.FfnNorm);
            foreach (var (name, linear) in new[] { ("attn_v", layer.Value), ("attn_output", layer.Output), ("ffn_gate", layer.Gate!), ("ffn_up", layer.Up), ("ffn_down", layer.Down) })
                Check($"blk.{i}.{name}.weight", linear.Weight);
            foreach (var (name, linear, heads) in new[] { ("attn_q", layer.Query, layer.Spec.QueryHeads), ("attn_k", layer.Key, layer.Spec.KeyValueHeads) })
            {
                CheckHeads($"blk.{i}.{name}.weight", linear.Weight, heads, linear.In);
                if (linear.Bias is not null)
                    CheckHeads($"blk.{i}.{name}.bias", linear.Bias, heads, 1);
            }
        }

        void Check(string name, Parameter parameter)
        {
            Assert.Equal(parameter.IsVector ? [(ulong)parameter.Rows] : new[] { (ulong)parameter.Columns, (ulong)parameter.Rows }, file.Tensors.Single(t => t.Name == name).Dimensions);
            Assert.Equal(_backend.Read(parameter.Value), file.Read(name));
        }

        // llama.cpp's converter: rows (heads, 2, D/2) become (heads, D/2, 2).
        void CheckHeads(string name, Parameter parameter, int heads, int columns)
        {
            float[] expected = _backend.Read(parameter.Value), actual = file.Read(name);
            Assert.Equal(expected.Length, actual.Length);
            for (int h = 0; h < heads; h++)
            {
                for (int half = 0; half < 2; half++)
                {
                    for (int i = 0; i < 4; i++)
                    {
                        int to = neighbours ? h * 8 + 2 * i + half : h * 8 + half * 4 + i;
                        Assert.Equal(expected.AsSpan((h * 8 + half * 4 + i) * columns, columns), actual.AsSpan(to * columns, columns));
                    }
                }
            }
        }
    }
}
