using FedSpine.Kernels;
using static FedSpine.Kernels.MatMulLayout;

namespace FedSpine.Bench;

/// <summary>The products that are compared. Rows are never edited, so that figures stay comparable; add new ones at the end.</summary>
internal static class GemmShapes
{
    public static readonly (string Name, MatMulShape Shape)[] All =
    [
        ("square 1024", new(NN, 1024, 1024, 1024)),
        ("square 1536", new(NN, 1536, 1536, 1536)),
        ("RoBERTa-base B8 T128 projection", new(NT, 1024, 768, 768)),
        ("RoBERTa-base B8 T128 FFN up", new(NT, 1024, 3072, 768)),
        ("RoBERTa-base B8 T128 FFN down", new(NT, 1024, 768, 3072)),
        ("RoBERTa-base B8 T128 FFN up, dx", new(NN, 1024, 768, 3072)),
        ("RoBERTa-base projection, dW", new(TN, 768, 768, 1024)),
        ("short batch 96 x 768 x 768", new(NT, 96, 768, 768)),
        ("pruned FFN up 1000 x 1696 x 768", new(NT, 1000, 1696, 768)),
        ("pruned 7 heads 1000 x 448 x 768", new(NT, 1000, 448, 768)),
        ("pruned FFN down 509 x 768 x 1376", new(NT, 509, 768, 1376)),
        ("LoRA x A^T, rank 8", new(NT, 1024, 8, 768)),
        ("LoRA xa B^T, rank 8", new(NT, 1024, 768, 8)),
        ("LoRA dA, rank 8", new(TN, 8, 768, 1024)),
        ("LoRA dB, rank 8", new(TN, 768, 8, 1024)),
        ("attention scores 128 x 128 x 64", new(NT, 128, 128, 64)),
        ("small projection 256 x 64 x 64", new(NT, 256, 64, 64)),
        ("small FFN up 256 x 256 x 64", new(NT, 256, 256, 64)),
        ("small FFN down 256 x 64 x 256", new(NT, 256, 64, 256)),
        ("small FFN down, dx 256 x 256 x 64", new(NN, 256, 256, 64)),
        ("small x A^T, rank 8", new(NT, 256, 8, 64)),
        ("small dB, rank 8", new(TN, 64, 8, 256)),
        ("decode, one row 1 x 768 x 768", new(NT, 1, 768, 768)),
        ("decode, 4 rows x 3072 x 768", new(NT, 4, 3072, 768)),
        ("decode, 32 rows x 768 x 768", new(NT, 32, 768, 768)),
        ("attention scores, 96 heads", new(NT, 128, 128, 64, 96)),
        ("attention values, 96 heads", new(NN, 128, 64, 128, 96)),
        ("LoRA x A^T, rank 64", new(NT, 1024, 64, 768)),
        ("LoRA dB, rank 64", new(TN, 768, 64, 1024)),
        ("RoBERTa-base FFN down, dx", new(NN, 1024, 3072, 768)),
        ("LLaMA 1B T512 gate", new(NT, 512, 5632, 2048)),
        ("LLaMA 1B T512 key", new(NT, 512, 256, 2048)),
        ("LLaMA 1B T512 down", new(NT, 512, 2048, 5632)),
        ("odd 509 x 1000 x 333, dx", new(NN, 509, 1000, 333)),
    ];
}
