using System.Text.Json.Nodes;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;

namespace FedSpine.Engine.Tests.Formats;

/// <summary>config.json: what is not supported is refused by name, what is impossible with value and range; defaults are Hugging Face's.</summary>
public sealed class ConfigRefusals : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    // Features that change the arithmetic.
    [InlineData("llama", "rope_scaling", """{"type":"dynamic","factor":2}""", "rope_scaling is of type \"dynamic\": only default, linear and llama3 are supported")]
    [InlineData("llama", "rope_scaling", """{"rope_type":"longrope","factor":2}""", "rope_scaling is of type \"longrope\"")]
    [InlineData("llama", "rope_scaling", """{"rope_type":"llama3","factor":8}""", "rope_scaling.low_freq_factor is missing")]
    [InlineData("llama", "rope_scaling", """{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":64}""", "rope_scaling.high_freq_factor is 4, expected more than low_freq_factor 4")]
    [InlineData("llama", "rope_scaling", """{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":0}""", "rope_scaling.original_max_position_embeddings is 0")]
    [InlineData("llama", "rope_scaling", """{"type":"linear"}""", "rope_scaling.factor is missing")]
    [InlineData("llama", "rope_scaling", """{"type":"linear","factor":0.5}""", "rope_scaling.factor is 0.5")]
    [InlineData("llama", "rope_scaling", """{"type":"linear","factor":2,"partial_rotary_factor":0.5}""", "rope_scaling.partial_rotary_factor is 0.5")]
    [InlineData("llama", "rope_parameters", """{"full_attention":{"rope_type":"linear","factor":2}}""", "rope_parameters.full_attention is an object")]
    [InlineData("llama", "rope_parameters", """{"rope_type":"yarn","rope_theta":1}""", "rope_parameters is of type \"yarn\"")]
    [InlineData("llama", "partial_rotary_factor", "0.5", "partial_rotary_factor is 0.5: partly rotated heads")]
    [InlineData("llama", "mlp_bias", "true", "mlp_bias is true")]
    [InlineData("llama", "quantization_config", """{"bits":4}""", "quantization_config is {\"bits\":4}: quantized checkpoints")]
    [InlineData("llama", "num_local_experts", "8", "num_local_experts is 8: mixtures of experts")]
    [InlineData("llama", "use_qk_norm", "true", "use_qk_norm is true: normalised queries and keys")]
    [InlineData("llama", "final_logit_softcapping", "30.0", "final_logit_softcapping is 30.0: capped logits")]
    [InlineData("llama", "logits_scaling", "8", "logits_scaling is 8: scaled logits")]
    [InlineData("llama", "layer_types", """["full_attention","chunked_attention"]""", "layer_types holds \"chunked_attention\"")]
    [InlineData("mistral", "sliding_window", "16", "sliding_window is 16")]
    [InlineData("roberta", "position_embedding_type", "\"relative_key\"", "position_embedding_type is \"relative_key\"")]
    [InlineData("roberta", "is_decoder", "true", "is_decoder is true")]
    [InlineData("roberta", "add_cross_attention", "true", "add_cross_attention is true")]
    [InlineData("roberta", "problem_type", "\"regression\"", "problem_type is \"regression\"")]
    [InlineData("roberta", "pruned_heads", """{"0":[1]}""", "pruned_heads is not empty")]
    [InlineData("roberta", "hidden_act", "\"quick_gelu\"", "hidden_act is \"quick_gelu\"")]
    [InlineData("llama", "hidden_act", "\"gelu\"", "hidden_act is \"gelu\", expected silu in a decoder")]
    // Other architectures.
    [InlineData("llama", "model_type", "\"gemma\"", "model_type is \"gemma\"")]
    [InlineData("llama", "architectures", """["Qwen3ForCausalLM"]""", "architectures[0] is \"Qwen3ForCausalLM\"")]
    [InlineData("llama", "architectures", """["LlamaForTokenClassification"]""", "architectures[0] is \"LlamaForTokenClassification\"")]
    [InlineData("roberta", "architectures", """["RobertaForCausalLM"]""", "architectures[0] is \"RobertaForCausalLM\"")]
    [InlineData("roberta", "architectures", "\"Roberta\"", "architectures is \"Roberta\", expected an array")]
    // Impossible sizes.
    [InlineData("llama", "hidden_size", "0", "hidden_size is 0, expected an integer in [1, 1048576]")]
    [InlineData("llama", "hidden_size", "-32", "hidden_size is -32")]
    [InlineData("llama", "hidden_size", "32.5", "hidden_size is 32.5")]
    [InlineData("llama", "hidden_size", "\"32\"", "hidden_size is \"32\"")]
    [InlineData("llama", "hidden_size", "1e400", "hidden_size is 1e400")]
    [InlineData("llama", "hidden_size", null, "hidden_size is missing")]
    [InlineData("llama", "num_hidden_layers", "1000000000", "num_hidden_layers is 1000000000")]
    [InlineData("llama", "num_key_value_heads", "3", "num_attention_heads is 4, not a multiple of num_key_value_heads 3")]
    [InlineData("llama", "num_key_value_heads", "0", "num_key_value_heads is 0")]
    [InlineData("llama", "head_dim", "7", "head_dim is 7, rotary embeddings need an even number")]
    [InlineData("roberta", "num_attention_heads", "5", "num_attention_heads is 5, which does not divide hidden_size 32")]
    [InlineData("llama", "vocab_size", "16777216", "tensor model.embed_tokens.weight is [97, 32], expected [16777216, 32]")]
    [InlineData("roberta", "max_position_embeddings", "2", "max_position_embeddings is 2, which leaves no position")]
    [InlineData("roberta", "pad_token_id", "97", "pad_token_id is 97")]
    [InlineData("llama", "rope_theta", "0", "rope_theta is 0")]
    [InlineData("llama", "rms_norm_eps", "-1", "rms_norm_eps is -1")]
    [InlineData("roberta", "num_labels", "4", "num_labels is 4, id2label has 3 entries")]
    [InlineData("roberta", "id2label", """{"0":"a","1":"b","3":"c"}""", "id2label.2 is missing")]
    [InlineData("roberta", "id2label", """{"0":"a","1":"b","2":"a"}""", "id2label names two labels alike")]
    // Shapes that the weights contradict.
    [InlineData("llama", "intermediate_size", "57", "is [56, 32], expected [57, 32]: it contradicts config.json")]
    [InlineData("llama", "num_hidden_layers", "1", "tensor model.layers.1.input_layernorm.weight has no place in the model")]
    [InlineData("llama", "num_hidden_layers", "3", "tensor model.layers.2.input_layernorm.weight [32] is missing")]
    [InlineData("roberta", "type_vocab_size", "2", "token_type_embeddings.weight is [1, 32], expected [2, 32]")]
    public void Refused(string name, string field, string? value, string expected)
    {
        Edit(name, json => json[field] = value is null ? null : JsonNode.Parse(value));
        using var backend = FedSpine.Kernels.Host.HostBackend.Create(1);
        var error = Assert.Throws<InputException>(() => ModelFolder.Load(backend, _folder.Path));
        Assert.Contains(expected, error.Message);
        Assert.StartsWith(_folder.Path, error.Message);
    }

    [Fact]
    public void One_label_is_refused()
    {
        Edit("roberta", json => (json["num_labels"], json["id2label"]) = (1, new JsonObject { ["0"] = "x" }));
        Assert.Contains("num_labels is 1: regression", Assert.Throws<InputException>(() => ModelConfigReader.Read(_folder.Path)).Message);
    }

    [Theory]
    [InlineData("mistral", "Mistral", false)]
    [InlineData("qwen2", "Qwen2", true)]
    public void Siblings_of_llama_differ_by_biases(string type, string prefix, bool bias)
    {
        Edit("llama", json => (json["model_type"], json["architectures"], json["sliding_window"]) = (type, new JsonArray($"{prefix}ForCausalLM"), 64));
        var config = ModelConfigReader.Read(_folder.Path);
        Assert.Equal(ModelFamily.Llama, config.Spec.Family);
        Assert.Equal(bias, config.Spec.AttentionBias);
    }

    [Theory]
    [InlineData("mistral", "Mistral", "sliding_window is missing, which means 4096")] // as MistralConfig
    [InlineData("mistral", "Mistral", null, "sliding_window", "null")]
    [InlineData("mistral", "Mistral", null, "sliding_window", "8192")] // no position leaves it
    [InlineData("qwen2", "Qwen2", null, "sliding_window", "64")]      // use_sliding_window is false
    [InlineData("qwen2", "Qwen2", "sliding_window is 64", "sliding_window", "64", "use_sliding_window", "true")]
    [InlineData("qwen2", "Qwen2", "layer_types holds \"sliding_attention\"", "sliding_window", "64", "layer_types", """["full_attention","sliding_attention"]""")]
    [InlineData("llama", "Llama", null, "num_experts", "0", "logit_scale", "1.0", "quantization_config", "null", "qk_norm", "false", "layer_types", """["full_attention","full_attention"]""")]
    public void A_feature_counts_only_where_it_is_in_use(string type, string prefix, string? expected, params string[] fields)
    {
        Edit("llama", json =>
        {
            (json["model_type"], json["architectures"], json["max_position_embeddings"]) = (type, new JsonArray($"{prefix}ForCausalLM"), 8192);
            for (int i = 0; i < fields.Length; i += 2)
                json[fields[i]] = JsonNode.Parse(fields[i + 1]);
        });
        if (expected is null)
            Assert.Equal(2, ModelConfigReader.Read(_folder.Path).Spec.Layers.Count);
        else
            Assert.Contains(expected, Assert.Throws<InputException>(() => ModelConfigReader.Read(_folder.Path)).Message);
    }

    [Theory]
    [InlineData("rope_scaling", """{"type":"linear","factor":4}""", RopeScalingKind.Linear)]
    [InlineData("rope_scaling", """{"rope_type":"linear","factor":4.0,"type":"linear"}""", RopeScalingKind.Linear)]
    [InlineData("rope_parameters", """{"rope_type":"linear","factor":4,"rope_theta":10000}""", RopeScalingKind.Linear)]
    [InlineData("rope_scaling", """{"rope_type":"llama3","factor":4,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8192}""", RopeScalingKind.Llama3)]
    [InlineData("rope_parameters", """{"rope_type":"llama3","factor":4,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8192,"rope_theta":10000}""", RopeScalingKind.Llama3)]
    public void Both_spellings_of_scaled_rotary_embeddings_are_read(string field, string value, RopeScalingKind kind)
    {
        Edit("llama", json => json[field] = JsonNode.Parse(value));
        Assert.Equal(new RopeScaling(kind, 4), ModelConfigReader.Read(_folder.Path).Spec.RopeScaling);
        Edit("llama", json => (json[field], json[field == "rope_scaling" ? "rope_parameters" : "rope_scaling"]) = (JsonNode.Parse(value), JsonNode.Parse("""{"rope_type":"default"}""")));
        Assert.Contains("rope_scaling contradicts rope_parameters", Assert.Throws<InputException>(() => ModelConfigReader.Read(_folder.Path)).Message);
    }

    [Fact]
    public void Newer_spellings_are_read()
    {
        Edit("llama", json =>
        {
            json.Remove("rope_theta");
            json["rope_parameters"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = 500000.0 };
            json["eos_token_id"] = new JsonArray(7, 9);
            json["pad_token_id"] = -1;
            json["hidden_act"] = "swish";
        });
        var spec = ModelConfigReader.Read(_folder.Path).Spec;
        Assert.Equal((500000f, 7, null, Activation.Silu), (spec.RopeTheta, spec.EosId, spec.PadId, spec.Activation));
    }

    [Fact]
    public void What_is_left_away_has_the_familys_default()
    {
        Edit("roberta", json =>
        {
            foreach (string field in (string[])["layer_norm_eps", "hidden_act", "type_vocab_size", "pad_token_id", "bos_token_id", "eos_token_id", "num_labels", "id2label", "model_type"])
                json.Remove(field);
        });
        var spec = ModelConfigReader.Read(_folder.Path).Spec;
        Assert.Equal((1e-12f, Activation.Gelu, 2, 1, 0, 2), (spec.NormEpsilon, spec.Activation, spec.TypeVocabularySize, spec.PadId, spec.BosId, spec.EosId));
        Assert.Equal(["LABEL_0", "LABEL_1"], spec.Labels);
        Assert.True(spec.TieWordEmbeddings);
    }

    [Theory]
    [InlineData("version", "2", "fedspine.version is 2")]
    [InlineData("base", null, "fedspine.base is missing")]
    [InlineData("intermediate_size", "[8]", "fedspine.intermediate_size has 1 entries, num_hidden_layers is 2")]
    [InlineData("intermediate_size", "[8,0]", "fedspine.intermediate_size[1] is 0")]
    [InlineData("intermediate_size", "[5,4]", "fedspine.kept[0].channels has 4 entries, the layer has 5")]
    [InlineData("head_dim", "[8,6]", "fedspine.head_dim[1] is 6, the base's is 8")]
    [InlineData("num_key_value_heads", "[1,3]", "fedspine.num_attention_heads[1] is 2, of size 8 and with 3 key-value heads: impossible")]
    [InlineData("num_key_value_heads", "[1,2]", "fedspine.kept[1].key_value_heads has 1 entries, the layer has 2")]
    [InlineData("kept", "[]", "fedspine.kept has 0 entries")]
    [InlineData("kept", """[{"query_heads":[0,1],"key_value_heads":[0],"channels":[0,1,3,2]},{}]""", "fedspine.kept[0].channels[3] is 2 after 3")]
    [InlineData("kept", """[{"query_heads":[0,1],"key_value_heads":[0],"channels":[0,1,3,56]},{}]""", "fedspine.kept[0].channels[3] is 56, expected an integer in [0, 55]")]
    [InlineData("kept", """[{"query_heads":[0,1],"key_value_heads":[1],"channels":[0,1,2,3]},{}]""", "fedspine.kept[0] is impossible: layer 0: kept query heads [0, 1]")]
    public void A_contradictory_pruned_shape_is_refused(string field, string? value, string expected)
    {
        Edit("llama", json =>
        {
            json["fedspine"] = JsonNode.Parse("""
                {"version":1,"num_attention_heads":[2,2],"num_key_value_heads":[1,1],"head_dim":[8,8],"intermediate_size":[4,4],
                 "base":{"num_attention_heads":[4,4],"num_key_value_heads":[2,2],"head_dim":[8,8],"intermediate_size":[56,56]},
                 "kept":[{"query_heads":[0,1],"key_value_heads":[0],"channels":[0,1,2,3]},{"query_heads":[2,3],"key_value_heads":[1],"channels":[5,6,7,55]}]}
                """);
        });
        Assert.True(ModelConfigReader.Read(_folder.Path).IsPruned);
        var json = JsonNode.Parse(File.ReadAllText(_folder["config.json"]))!;
        json["fedspine"]![field] = value is null ? null : JsonNode.Parse(value);
        File.WriteAllText(_folder["config.json"], json.ToJsonString());
        var error = Assert.Throws<InputException>(() => ModelConfigReader.Read(_folder.Path));
        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void Missing_and_broken_files_are_named()
    {
        using var backend = FedSpine.Kernels.Host.HostBackend.Create(1);
        InputException Refusal(string folder) => Assert.Throws<InputException>(() => ModelFolder.Load(backend, folder));
        Assert.EndsWith("no such folder", Refusal(_folder["none"]).Message);
        Assert.EndsWith("config.json: no such file", Refusal(_folder.Path).Message);
        File.WriteAllText(_folder["config.json"], "{\"hidden_size\": 3,}");
        Assert.Contains("config.json: not valid JSON", Refusal(_folder.Path).Message);
        File.WriteAllText(_folder["config.json"], "[]");
        Assert.EndsWith("config.json: the file is not a JSON object", Refusal(_folder.Path).Message);
        File.WriteAllText(_folder["config.json"], "{\"a\":1,\"a\":2}");
        Assert.Contains("config.json: not valid JSON", Refusal(_folder.Path).Message);
        File.Copy(Path.Combine(Golden.Case("llama"), "config.json"), _folder["config.json"], overwrite: true);
        Assert.EndsWith("holds no model.safetensors", Refusal(_folder.Path).Message);
        File.WriteAllText(_folder["pytorch_model.bin"], "");
        Assert.EndsWith("holds pytorch_model.bin but no model.safetensors: convert it first", Refusal(_folder.Path).Message);
    }

    /// <summary>The golden case of that name ("mistral": LLaMA's, renamed), with an edited configuration.</summary>
    private void Edit(string name, Action<JsonObject> edit)
    {
        string source = Golden.Case(name == "mistral" ? "llama" : name);
        foreach (string file in (string[])["config.json", "model.safetensors"])
            File.Copy(Path.Combine(source, file), _folder[file], overwrite: true);
        var json = JsonNode.Parse(File.ReadAllText(_folder["config.json"]))!.AsObject();
        if (name == "mistral")
            (json["model_type"], json["architectures"]) = ("mistral", new JsonArray("MistralForCausalLM"));
        edit(json);
        File.WriteAllText(_folder["config.json"], json.ToJsonString());
    }
}
