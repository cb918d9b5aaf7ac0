using FedSpine.Engine.Lora;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

/// <summary>
/// Lists a model's parameters with their checkpoint names, shapes and pruning axes. Of <paramref name="baseType"/> are the blocks' matrices,
/// the word table and the vocabulary projection: nearly all bytes, and all of them read by products or row by row.
/// </summary>
internal sealed class ModelDeclaration(ModelSpec spec, Trainable trainable, LoraSpec? lora, WeightType baseType)
{
    private readonly List<Parameter> _parameters = [];
    private Parameter? _words;

    public IReadOnlyList<Parameter> Parameters => _parameters;

    private string Prefix => ModelNames.Prefix(spec.Family);

    public EmbeddingWeights DeclareEmbeddings()
    {
        if (spec.IsDecoder)
            return new EmbeddingWeights { Words = _words = Matrix($"{Prefix}.embed_tokens.weight", spec.VocabularySize, spec.Width) };
        string name = $"{Prefix}.embeddings";
        return new EmbeddingWeights
        {
            Words = _words = Matrix($"{name}.word_embeddings.weight", spec.VocabularySize, spec.Width),
            Positions = Table($"{name}.position_embeddings.weight", spec.MaxPositions),
            Types = Table($"{name}.token_type_embeddings.weight", spec.TypeVocabularySize),
            Norm = Vector($"{name}.LayerNorm.weight", spec.Width),
            NormBias = Vector($"{name}.LayerNorm.bias", spec.Width),
        };
    }

    public TransformerLayer DeclareLayer(int layer)
    {
        var shape = spec.Layers[layer];
        string name = ModelNames.Layer(spec.Family, layer);
        int width = spec.Width;
        bool decoder = spec.IsDecoder;
        bool bias = !decoder, attentionBias = bias || spec.AttentionBias, outputBias = bias || spec.AttentionOutputBias;

        Linear Block(LinearRole role, int rows, GroupAxis rowAxis, int columns, GroupAxis columnAxis, bool hasBias) =>
            DeclareLinear($"{name}.{ModelNames.Linear(spec.Family, role)}", role, layer, rows, rowAxis, columns, columnAxis, hasBias);
        Parameter Norm(string suffix) => Vector($"{name}.{suffix}", width, layer);

        var decoderNorm = decoder ? Norm("input_layernorm.weight") : null;
        var query = Block(LinearRole.Query, shape.QuerySize, GroupAxis.QueryHeads, width, GroupAxis.None, attentionBias);
        var key = Block(LinearRole.Key, shape.KeyValueSize, GroupAxis.KeyValueHeads, width, GroupAxis.None, attentionBias);
        var value = Block(LinearRole.Value, shape.KeyValueSize, GroupAxis.KeyValueHeads, width, GroupAxis.None, attentionBias);
        var output = Block(LinearRole.Output, width, GroupAxis.None, shape.QuerySize, GroupAxis.QueryHeads, outputBias);
        var attentionNorm = decoderNorm ?? Norm("attention.output.LayerNorm.weight");
        var attentionNormBias = decoder ? null : Norm("attention.output.LayerNorm.bias");
        var decoderFfnNorm = decoder ? Norm("post_attention_layernorm.weight") : null;
        var gate = decoder ? Block(LinearRole.Gate, shape.FfnWidth, GroupAxis.Channels, width, GroupAxis.None, false) : null;
        var up = Block(LinearRole.Up, shape.FfnWidth, GroupAxis.Channels, width, GroupAxis.None, bias);
        var down = Block(LinearRole.Down, width, GroupAxis.None, shape.FfnWidth, GroupAxis.Channels, bias);
        return new TransformerLayer
        {
            Spec = shape,
            Query = query,
            Key = key,
            Value = value,
            Output = output,
            Gate = gate,
            Up = up,
            Down = down,
            AttentionNorm = attentionNorm,
            AttentionNormBias = attentionNormBias,
            FfnNorm = decoderFfnNorm ?? Norm("output.LayerNorm.weight"),
            FfnNormBias = decoder ? null : Norm("output.LayerNorm.bias"),
        };
    }

    public HeadWeights DeclareHead()
    {
        int width = spec.Width, labels = spec.Labels.Count;
        bool roberta = spec.Family == ModelFamily.Roberta;
        switch (spec.Head)
        {
            case ModelHead.SequenceClassification when spec.IsDecoder:
                return new HeadWeights { FinalNorm = Vector($"{Prefix}.norm.weight", width), Out = HeadLinear("score", labels, bias: false) };
            case ModelHead.SequenceClassification:
                return new HeadWeights
                {
                    Dense = HeadLinear(roberta ? "classifier.dense" : "bert.pooler.dense", width, bias: true),
                    Out = HeadLinear(roberta ? "classifier.out_proj" : "classifier", labels, bias: true),
                };
            case ModelHead.CausalLm:
                return new HeadWeights { FinalNorm = Vector($"{Prefix}.norm.weight", width), Out = Vocabulary("lm_head", null) };
            default:
                string transform = roberta ? "lm_head" : "cls.predictions.transform";
                string norm = roberta ? "lm_head.layer_norm" : "cls.predictions.transform.LayerNorm";
                return new HeadWeights
                {
                    Dense = HeadLinear($"{transform}.dense", width, bias: true),
                    DenseNorm = Vector($"{norm}.weight", width),
                    DenseNormBias = Vector($"{norm}.bias", width),
                    Out = roberta ? Vocabulary("lm_head.decoder", "lm_head.bias") : Vocabulary("cls.predictions.decoder", "cls.predictions.bias"),
                };
        }
    }

    private Linear DeclareLinear(string name, LinearRole role, int layer, int rows, GroupAxis rowAxis, int columns, GroupAxis columnAxis, bool hasBias)
    {
        var weight = Matrix($"{name}.weight", rows, columns, layer, rowAxis, columnAxis);
        var bias = hasBias ? Vector($"{name}.bias", rows, layer, rowAxis) : null;
        if (lora is null || !lora.Targets.Contains(role))
            return new Linear { Name = name, Role = role, Weight = weight, Bias = bias };

        var (rank, alpha) = lora.Overrides.TryGetValue(name, out var own) ? own : (lora.Rank, lora.Alpha);
        bool train = trainable != Trainable.None;
        return new Linear
        {
            Name = name,
            Role = role,
            Weight = weight,
            Bias = bias,
            A = Add(new Parameter { Name = $"{name}.lora_A.weight", Rows = rank, Columns = columns, Layer = layer, ColumnAxis = columnAxis, Trainable = train }),
            B = Add(new Parameter { Name = $"{name}.lora_B.weight", Rows = rows, Columns = rank, Layer = layer, RowAxis = rowAxis, Trainable = train }),
            Scale = alpha / rank,
        };
    }

    private Linear HeadLinear(string name, int rows, bool bias)
    {
        bool train = trainable == Trainable.All || (trainable == Trainable.Adapter && spec.Head == ModelHead.SequenceClassification);
        var weight = Add(new Parameter { Name = $"{name}.weight", Rows = rows, Columns = spec.Width, Trainable = train });
        return new Linear
        {
            Name = name,
            Role = LinearRole.Head,
            Weight = weight,
            Bias = bias ? Add(new Parameter { Name = $"{name}.bias", Rows = rows, IsVector = true, Trainable = train }) : null,
        };
    }

    /// <summary>The vocabulary projection: the word table itself when tied.</summary>
    private Linear Vocabulary(string name, string? bias) => new()
    {
        Name = name,
        Role = LinearRole.Head,
        Weight = spec.TieWordEmbeddings ? _words! : Matrix($"{name}.weight", spec.VocabularySize, spec.Width),
        Bias = bias is null ? null : Vector(bias, spec.VocabularySize),
    };

    private Parameter Matrix(string name, int rows, int columns, int layer = -1, GroupAxis rowAxis = GroupAxis.None, GroupAxis columnAxis = GroupAxis.None) =>
        Add(new Parameter
        {
            Name = name, Rows = rows, Columns = columns, Layer = layer, RowAxis = rowAxis, ColumnAxis = columnAxis, Type = baseType,
            Trainable = trainable == Trainable.All,
        });

    private Parameter Table(string name, int rows) => Add(new Parameter { Name = name, Rows = rows, Columns = spec.Width, Trainable = trainable == Trainable.All });

    private Parameter Vector(string name, int rows, int layer = -1, GroupAxis rowAxis = GroupAxis.None) =>
        Add(new Parameter { Name = name, Rows = rows, IsVector = true, Layer = layer, RowAxis = rowAxis, Trainable = trainable == Trainable.All });

    private Parameter Add(Parameter parameter)
    {
        _parameters.Add(parameter);
        return parameter;
    }
}
