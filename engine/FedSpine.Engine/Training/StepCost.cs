using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Training;

/// <summary>
/// What a step of a given shape costs, from a dry run: nothing is computed, no weights are allocated. Tens of microseconds for a
/// small model; cache it where the same shape is asked about again and again.
/// </summary>
/// <param name="Flops">Floating-point operations, a multiply-add counting two.</param>
/// <param name="ActivationBytes">Peak of activations and scratch.</param>
/// <param name="ModelBytes">Weights, and for what is trained gradients and moments.</param>
public readonly record struct StepCost(long Flops, long ActivationBytes, long ModelBytes)
{
    /// <summary>
    /// One step on one batch (B, T), update included. Targets: one per example (classification), all but the first token (causal
    /// LM), 15 % of the tokens (masked LM).
    /// </summary>
    public static StepCost Training(ModelSpec spec, Trainable trainable, LoraSpec? lora, int B, int T, float dropout = 0, Recompute recompute = Recompute.None,
        WeightType baseType = WeightType.F32)
    {
        using var backend = new RecordingBackend();
        using var model = Model.Create(backend, spec, trainable, lora, baseType: baseType);
        using var pass = new ModelPass(model, B, T) { Recompute = recompute };
        var workspace = Workspace.Record();
        pass.Train(backend, workspace, TypicalBatch(spec, B, T), 1, dropout, 0, null);
        long flops = backend.Flops + 16L * model.TrainableValues.Length;
        if (spec.Head != ModelHead.SequenceClassification)
        {
            workspace = Workspace.Record(); // memory is planned for a target at every position, as a trainer plans it
            pass.Train(backend, workspace, Batch.Full(B, T), 1, dropout, 0, null);
        }

        return new StepCost(flops, workspace.Plan().Bytes, model.Bytes);
    }

    /// <summary>One forward pass over a batch (B, T), with the logits of every position (language models).</summary>
    public static StepCost Inference(ModelSpec spec, LoraSpec? lora, int B, int T, WeightType baseType = WeightType.F32)
    {
        using var backend = new RecordingBackend();
        using var model = Model.Create(backend, spec, Trainable.None, lora, baseType: baseType);
        using var pass = new ModelPass(model, B, T);
        var workspace = Workspace.Record();
        var batch = Batch.Full(B, T);
        pass.DryForward(backend, workspace, batch);
        return new StepCost(backend.Flops, workspace.Plan().Bytes, model.Bytes);
    }

    private static Batch TypicalBatch(ModelSpec spec, int B, int T)
    {
        var batch = Batch.Full(B, T);
        if (spec.Head == ModelHead.SequenceClassification)
            return batch;
        for (int i = 0; i < B * T; i++)
        {
            bool target = spec.Head == ModelHead.CausalLm ? i % T < T - 1 : i % 20 < 3;
            batch.Targets[i] = target ? 0 : Batch.Ignore;
        }

        return batch;
    }
}
