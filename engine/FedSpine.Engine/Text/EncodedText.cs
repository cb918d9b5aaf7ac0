namespace FedSpine.Engine.Text;

/// <summary>One model input. Both arrays have the same length.</summary>
/// <param name="Ids">Token ids with the family's special tokens.</param>
/// <param name="Types">0 for the first text, 1 for BERT's second one.</param>
public sealed record EncodedText(int[] Ids, int[] Types);
