// Checks face.hpp on a new machine before there is a network: the outputs are taken from the test vectors.
//   g++ -O2 -std=c++17 check_face.cpp -o check_face && ./check_face vectors
#include "vectors.hpp"

int main(int count, char** words) {
  if (count != 2) return std::fprintf(stderr, "usage: check_face FOLDER\n"), 2;
  const std::string folder = std::string(words[1]) + "/";
  const Image frame = read_npy(folder + "frame.npy");
  const Matrix matrix = crop_from_frame(read_five(folder + "five.npy"));
  const Image weight = refine(read_npy(folder + "mask.npy"));
  Image planes = read_npy(folder + "face.npy");  // (3, S, S), read as rows of columns with S channels
  planes.w = SIDE, planes.h = 3 * SIDE, planes.c = 1;
  const Image pasted = paste(frame, pixels_of(planes), weight, matrix);
  return check_steps(folder, align(frame, matrix), matrix, weight, pasted, 0) ? 0 : 1;
}
